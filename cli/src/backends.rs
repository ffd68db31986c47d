//! The backends: the one place of the program that names them. A new one is a line in [`NAMES`] and an arm in [`with`].

use backend_ckks::Ckks;
use backend_more::{CompactMore, More};
use he_traits::{Clear, ClientScheme, LinearStyle, Requirements, Scheme};
use nn_layers::Packing;

use crate::args::MoreForm;
use crate::failure::Failure;
use crate::suggest;

/// Names on the command line, in the order of reports.
pub(crate) const NAMES: [&str; 5] = [Clear::NAME, More::NAME, CompactMore::NAME, Ckks::NAME, "seal"];

/// Work that any scheme can be put to.
pub(crate) trait Task {
    /// What comes of it.
    type Output;

    /// Does it under one scheme.
    fn run<S: ClientScheme>(self) -> Self::Output;
}

/// Work of a server, for which a scheme needs no secret.
pub(crate) trait ServerTask {
    /// What comes of it.
    type Output;

    /// Does it under one scheme, of which it sees the server's half only.
    fn run<S: Scheme>(self) -> Self::Output;
}

/// Puts the server's half of the scheme of that name to `task`; the error says why this program does not have it.
pub(crate) fn with_server<T: ServerTask>(name: &str, task: T) -> Result<T::Output, String> {
    struct Half<T>(T);
    impl<T: ServerTask> Task for Half<T> {
        type Output = T::Output;
        fn run<S: ClientScheme>(self) -> T::Output {
            self.0.run::<S>()
        }
    }
    with(name, Half(task))
}

/// Puts the scheme of that name to `task`; the error says why this program does not have it.
pub(crate) fn with<T: Task>(name: &str, task: T) -> Result<T::Output, String> {
    match name {
        Clear::NAME => Ok(task.run::<Clear>()),
        More::NAME => Ok(task.run::<More>()),
        CompactMore::NAME => Ok(task.run::<CompactMore>()),
        Ckks::NAME => Ok(task.run::<Ckks>()),
        #[cfg(feature = "seal")]
        backend_seal::Seal::NAME => Ok(task.run::<backend_seal::Seal>()),
        #[cfg(not(feature = "seal"))]
        "seal" => Err("this program was built without the feature `seal`".to_owned()),
        other => Err(format!("there is no backend {other:?}")),
    }
}

/// The packings among `asked` that make a difference to the backend of that name: `None` alone for one that pays nothing for moving values, or that is
/// not there.
pub(crate) fn packings(name: &str, asked: &[Packing]) -> Vec<Option<Packing>> {
    struct Style;
    impl Task for Style {
        type Output = Option<LinearStyle>;
        fn run<S: ClientScheme>(self) -> Self::Output {
            let any = Requirements { depth: 1, slots: 1, precision_bits: 20, bound: 1.0 };
            let params = S::parameters(&any).ok()?;
            S::profile(&params).ok().map(|profile| profile.linear)
        }
    }
    match with(name, Style) {
        Ok(Some(LinearStyle::Diagonals)) => asked.iter().copied().map(Some).collect(),
        _ => vec![None],
    }
}

/// Why this program does not have the backend, `None` when it does.
pub(crate) fn absence(name: &str) -> Option<String> {
    struct Nothing;
    impl Task for Nothing {
        type Output = ();
        fn run<S: ClientScheme>(self) {}
    }
    with(name, Nothing).err()
}

/// The backends asked for, each once, in the order asked; when none is named all that this program has, but for the compact form of MORE, which is off unless asked
/// for. `form` is the one in which `more` runs.
pub(crate) fn in_form(asked: &[String], form: MoreForm) -> Result<Vec<&'static str>, Failure> {
    let in_form =
        |name| if form == MoreForm::Compact && name == More::NAME { CompactMore::NAME } else { name };
    let mut names: Vec<_> = chosen(asked)?.into_iter().map(in_form).collect();
    names.dedup();
    Ok(names)
}

/// As [`in_form`], in the full form unless the other one is named.
pub(crate) fn chosen(asked: &[String]) -> Result<Vec<&'static str>, Failure> {
    if asked.is_empty() {
        let wanted = |name: &&str| *name != CompactMore::NAME && absence(name).is_none();
        return Ok(NAMES.into_iter().filter(wanted).collect());
    }
    let mut chosen = Vec::new();
    for name in asked {
        let known = NAMES.into_iter().find(|known| known == name);
        let known = known.ok_or_else(|| suggest::unknown("backend", name, &NAMES))?;
        if !chosen.contains(&known) {
            chosen.push(known);
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_scheme() {
        struct Name;
        impl Task for Name {
            type Output = &'static str;
            fn run<S: ClientScheme>(self) -> &'static str {
                S::NAME
            }
        }
        for name in NAMES {
            match with(name, Name) {
                Ok(scheme) => assert_eq!(scheme, name),
                Err(reason) => assert!(reason.contains("built without"), "{reason}"),
            }
        }
    }

    #[test]
    fn choices_are_checked_and_made_once() {
        let chosen =
            |names: &[&str]| chosen(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&["more", "clear", "more"]).unwrap(), ["more", "clear"]);
        let compact = in_form(&["clear".to_owned(), "more".to_owned()], MoreForm::Compact).unwrap();
        assert_eq!(compact, ["clear", "more-compact"]);
        assert!(chosen(&["mor"]).unwrap_err().to_string().contains("did you mean \"more\""));
        let all = chosen(&[]).unwrap();
        assert!(all.contains(&"clear") && !all.contains(&"more-compact"));
    }
}
