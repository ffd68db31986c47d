//! A value as a sum of operators on values computed before, plus a constant.

use super::ValueId;
use crate::lower::Operator;

/// `sum of terms + bias`, one number an element.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) terms: Vec<(ValueId, Operator)>,
    pub(super) bias: Vec<f64>,
    /// Layers that went into it.
    pub(super) names: Vec<String>,
}

impl Form {
    /// A value that is there already.
    pub(super) fn of_value(value: ValueId, count: usize) -> Form {
        Form { terms: vec![(value, Operator::identity(count))], bias: vec![0.0; count], names: Vec::new() }
    }

    /// A constant, zeros where there is none.
    pub(super) fn constant(count: usize, bias: Option<&[f64]>) -> Form {
        let bias = bias.map_or_else(|| vec![0.0; count], <[f64]>::to_vec);
        Form { terms: Vec::new(), bias, names: Vec::new() }
    }

    /// The value that this form is without any computation.
    pub(super) fn value(&self) -> Option<ValueId> {
        match self.terms.as_slice() {
            [(value, operator)] if operator.is_identity() && self.bias.iter().all(|b| *b == 0.0) => {
                Some(*value)
            }
            _ => None,
        }
    }

    /// Whether each operator only places and scales elements.
    pub(super) fn is_placed(&self) -> bool {
        self.terms.iter().all(|(_, operator)| operator.is_placed())
    }

    /// Number of non-zero entries of all operators.
    pub(super) fn entries(&self) -> u64 {
        self.terms.iter().map(|(_, operator)| operator.entries()).sum()
    }

    /// As [`Form::entries`], roughly.
    pub(super) fn about_entries(&self) -> f64 {
        self.terms.iter().map(|(_, operator)| operator.about_entries()).sum()
    }

    /// `map` after this form; `None` when a composed matrix would hold more than `limit` entries.
    pub(super) fn mapped(&self, map: &Operator, limit: u64) -> Option<Form> {
        let terms = self
            .terms
            .iter()
            .map(|(value, operator)| Some((*value, map.after(operator, limit)?)))
            .collect::<Option<Vec<_>>>()?;
        Some(Form { terms, bias: map.apply(&self.bias), names: self.names.clone() })
    }

    /// A placed operator after this form.
    pub(super) fn placed(self, map: &Operator) -> Form {
        self.mapped(map, u64::MAX).unwrap_or(self)
    }

    /// This form plus one number an element.
    pub(super) fn plus(mut self, constant: &[f64]) -> Form {
        self.bias.iter_mut().zip(constant).for_each(|(sum, constant)| *sum += constant);
        self
    }

    /// This form as the work of a layer of that name, too.
    pub(super) fn named(mut self, name: &str) -> Form {
        self.names.push(name.to_owned());
        self
    }

    /// `scale` times this form plus `shift` at each element.
    pub(super) fn affine(&self, scale: f64, shift: f64) -> Form {
        Form {
            terms: self.terms.iter().map(|(value, operator)| (*value, operator.scaled(scale))).collect(),
            bias: self.bias.iter().map(|b| b * scale + shift).collect(),
            names: self.names.clone(),
        }
    }

    /// Adds another form of as many elements.
    pub(super) fn add(&mut self, other: Form) {
        for (value, operator) in other.terms {
            let same = self
                .terms
                .iter_mut()
                .find(|(at, mine)| *at == value && mine.is_scalar() && operator.is_scalar());
            match same {
                Some((_, mine)) => *mine = mine.plus_scalar(&operator),
                None => self.terms.push((value, operator)),
            }
        }
        self.bias.iter_mut().zip(&other.bias).for_each(|(sum, bias)| *sum += bias);
        for name in other.names {
            if !self.names.contains(&name) {
                self.names.push(name);
            }
        }
    }
}
