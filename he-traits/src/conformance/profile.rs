//! The keyless description: complete, and true where that can be told.

use super::bench::Bench;
use super::violation::Outcome;
use crate::{Assumption, ClientScheme, Evaluator, Sharing};

/// Statements about the profile.
pub(super) fn run<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    bench.law("profile");
    let p = bench.profile.clone();
    let case = "profile";
    bench.holds(case, p.backend == S::NAME, || {
        format!("backend {:?}, the scheme is {:?}", p.backend, S::NAME)
    })?;
    bench.holds(case, p.slots > 0, || "no slots".to_owned())?;
    bench.holds(case, !p.parameters.is_empty(), || "parameters are not described".to_owned())?;
    let bits = p.precision_bits;
    bench.holds(case, bits > 0.0 && bits <= 53.0, || format!("precision of {bits} bits"))?;
    let top = p.top;
    let bytes = p.factor_bytes(top);
    bench.holds(case, bytes > 0, || "an encoded factor takes no bytes".to_owned())?;
    let size = p.sizes.ciphertext.at(top);
    bench.holds(case, size > 0.0, || format!("a ciphertext takes {size} bytes"))?;
    bench.holds(case, p.values_at_once > 0, || "no values at once".to_owned())?;
    costs(bench)?;
    security(bench)?;
    let same = *bench.e().profile() == p;
    bench.holds(case, same, || "the evaluator's profile is not that of its parameters".to_owned())?;
    let there = (bench.e().exact().is_some(), bench.e().complex().is_some(), bench.e().refresh().is_some());
    let stated = (p.exact, p.complex, p.refresh.is_some());
    bench.holds(case, there == stated, || {
        format!("capabilities (exact, complex, refresh) stated {stated:?}, there are {there:?}")
    })?;
    let Some(refresh) = p.refresh else { return Ok(()) };
    let sane = refresh.highest_output <= top && refresh.lowest_input <= top && refresh.bound > 0.0;
    bench.holds(case, sane, || {
        format!("a refresh from {} to {}", refresh.lowest_input, refresh.highest_output)
    })
}

fn costs<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    let (c, top) = (bench.profile.costs, bench.profile.top);
    let costs = [
        ("encode", c.encode),
        ("encrypt", c.encrypt),
        ("decrypt", c.decrypt),
        ("add", c.add),
        ("mul_plain", c.mul_plain),
        ("mul", c.mul),
        ("rotate", c.rotate),
    ];
    for (name, cost) in costs {
        let seconds = cost.at(top);
        let sane = seconds.is_finite() && seconds > 0.0;
        bench.holds("costs", sane, || format!("{name} takes {seconds} seconds at the top"))?;
    }
    Ok(())
}

fn security<S: ClientScheme>(bench: &mut Bench<S>) -> Outcome {
    let security = bench.profile.security.clone();
    let case = "security";
    bench.holds(case, !security.statement.is_empty(), || "no statement about security".to_owned())?;
    let reasoned = !matches!(&security.sharing_decryptions, Sharing::Unsafe(reason) if reason.is_empty());
    bench.holds(case, reasoned, || "sharing decryptions is called unsafe without a reason".to_owned())?;
    let honest = security.assumption.bits() > 0
        || matches!(security.assumption, Assumption::InsecureForTests { .. })
        || !security.server_learns.is_empty()
        || !security.attacks.is_empty();
    bench.holds(case, honest, || {
        "no security is assumed, and yet nothing is learnt and nothing attacked".to_owned()
    })
}
