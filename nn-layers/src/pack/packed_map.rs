//! An operator between elements, seen between the places of two layouts.

use he_traits::{Complex64, Generator};

use super::Layout;
use crate::lower::Operator;

/// The generator that a scheme sees: rows are places of the output layout, columns those of the input layout. Places
/// without an element have empty rows and columns. Of an element at several places, each row reads one.
#[derive(Debug, Clone)]
pub struct PackedMap {
    operator: Operator,
    input: Layout,
    output: Layout,
}

impl PackedMap {
    /// `operator` from values that lie as `input` says to values that lie as `output` says.
    pub fn new(operator: Operator, input: Layout, output: Layout) -> PackedMap {
        PackedMap { operator, input, output }
    }
}

impl Generator for PackedMap {
    fn shape(&self) -> (usize, usize) {
        (self.output.places(), self.input.places())
    }

    fn bytes(&self) -> usize {
        self.operator.bytes()
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        if let Some(element) = self.output.element(row) {
            self.operator.row(element, &mut |column, entry| visit(self.input.place_for(column, row), entry));
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        match (self.output.element(row), self.input.element(column)) {
            (Some(to), Some(from)) if self.input.is_read_for(column, row) => self.operator.entry(to, from),
            _ => Complex64::ZERO,
        }
    }
}
