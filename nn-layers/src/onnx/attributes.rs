//! The attributes of an ONNX node.

use super::proto::{AttributeProto, NodeProto};

/// Attributes by name, with ONNX' defaults at the caller.
pub(super) struct Attributes<'a>(pub(super) &'a NodeProto);

impl<'a> Attributes<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.get(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f64 {
        f64::from(self.get(name).map_or(default, |attribute| attribute.f))
    }

    pub(super) fn text(&self, name: &str, default: &str) -> String {
        self.get(name).map_or(default.to_owned(), |a| String::from_utf8_lossy(&a.s).into_owned())
    }

    /// Two lengths (height, width).
    pub(super) fn pair(&self, name: &str, default: usize) -> Result<[usize; 2], String> {
        match self.get(name).map(|attribute| &*attribute.ints) {
            None => Ok([default; 2]),
            Some(&[height, width]) => Ok([length(name, height)?, length(name, width)?]),
            Some(other) => Err(format!("{name} {other:?} is not for images of two dimensions")),
        }
    }

    /// Padding that is the same at both ends.
    pub(super) fn padding(&self) -> Result<[usize; 2], String> {
        match &*self.text("auto_pad", "NOTSET") {
            "NOTSET" | "VALID" => {}
            other => return Err(format!("auto_pad {other}: give the padding in numbers")),
        }
        match self.get("pads").map(|attribute| &*attribute.ints) {
            None => Ok([0; 2]),
            Some(&[top, left, bottom, right]) if top == bottom && left == right => {
                Ok([length("pads", top)?, length("pads", left)?])
            }
            Some(other) => {
                Err(format!("pads {other:?} differ at the two ends: pad alike, or pad the input beforehand"))
            }
        }
    }
}

fn length(name: &str, value: i64) -> Result<usize, String> {
    usize::try_from(value).map_err(|_| format!("{name} holds the negative number {value}"))
}
