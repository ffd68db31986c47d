//! Unknown names: what there is, and what was probably meant.

use crate::failure::Failure;

/// A usage failure for `name`, which is no `what`; `known` are the names that there are.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> Failure {
    let there_are = format!("there are: {}", known.join(", "));
    Failure::Usage(match closest(name, known) {
        Some(meant) => format!("there is no {what} {name:?}; did you mean {meant:?}? ({there_are})"),
        None => format!("there is no {what} {name:?}; {there_are}"),
    })
}

/// The known name nearest to `name`, when it is near enough to be meant.
fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(&name, candidate), *candidate))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["fcnn-wbc", "cnn-mnist"];
        assert_eq!(closest("fcnn_wbc", &known), Some("fcnn-wbc"));
        assert_eq!(closest("CNN-MINST", &known), Some("cnn-mnist"));
        assert_eq!(closest("zebra", &known), None);
        assert!(unknown("model", "zebra", &known).to_string().contains("fcnn-wbc, cnn-mnist"));
    }
}
