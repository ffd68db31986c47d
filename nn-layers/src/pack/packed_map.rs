//! An operator between elements, seen between the places of two layouts.

use std::sync::Arc;

use he_traits::{Complex64, Generator};

use super::{BlockSums, Layout};
use crate::lower::Operator;

/// The generator that a scheme sees: rows are places of the output layout, columns those of the input layout. Places
/// without an element have empty rows and columns. Of an element at several places, each row reads one.
#[derive(Debug, Clone)]
pub struct PackedMap {
    operator: Operator,
    input: Layout,
    output: Layout,
    sums: Option<Arc<BlockSums>>,
}

impl PackedMap {
    /// `operator` from values that lie as `input` says to values that lie as `output` says.
    pub fn new(operator: Operator, input: Layout, output: Layout) -> PackedMap {
        PackedMap { operator, input, output, sums: None }
    }

    /// The same map as it reads sums of the value's ciphertexts: columns are the places of those.
    #[must_use]
    pub fn of_sums(self, sums: Option<Arc<BlockSums>>) -> PackedMap {
        PackedMap { sums, ..self }
    }
}

impl Generator for PackedMap {
    fn shape(&self) -> (usize, usize) {
        let columns = self.sums.as_ref().map_or(self.input.places(), |sums| sums.places(&self.input));
        (self.output.places(), columns)
    }

    fn bytes(&self) -> usize {
        self.operator.bytes()
    }

    fn row(&self, row: usize, visit: &mut dyn FnMut(usize, Complex64)) {
        let Some(element) = self.output.element(row) else { return };
        match &self.sums {
            None => {
                self.operator
                    .row(element, &mut |column, entry| visit(self.input.place_for(column, row), entry));
            }
            Some(sums) => self.operator.row(element, &mut |column, entry| {
                if let Some(read) = sums.read(self.input.place_for(column, row), &self.input) {
                    visit(read, entry);
                }
            }),
        }
    }

    fn entry(&self, row: usize, column: usize) -> Complex64 {
        let column = match &self.sums {
            None => Some(column),
            Some(sums) => sums.stands_for(column, &self.input),
        };
        match (
            self.output.element(row),
            column.and_then(|column| Some((column, self.input.element(column)?))),
        ) {
            (Some(to), Some((column, from))) if self.input.is_read_for(column, row) => {
                self.operator.entry(to, from)
            }
            _ => Complex64::ZERO,
        }
    }
}
