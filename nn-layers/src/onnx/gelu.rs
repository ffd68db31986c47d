//! GELU as exporters write it before operator set 20: `0.5 x (1 + erf(x / sqrt 2))`, in five nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::constant;
use super::proto::{GraphProto, NodeProto};

/// The groups of nodes that are a GELU each.
#[derive(Default)]
pub(super) struct Gelus {
    /// The name of the argument, by the number of the last node.
    pub(super) arguments: BTreeMap<usize, String>,
    /// Numbers of the nodes before it: they make nothing of their own.
    pub(super) inner: BTreeSet<usize>,
}

/// Finds them.
pub(super) fn find(graph: &GraphProto) -> Gelus {
    let search = Search::new(graph);
    let mut found = Gelus::default();
    for (index, node) in graph.node.iter().enumerate().filter(|(_, node)| node.op_type == "Erf") {
        if let Some((argument, inner, last)) = search.around(index, node) {
            found.arguments.insert(last, argument);
            found.inner.extend(inner);
        }
    }
    found
}

struct Search<'a> {
    graph: &'a GraphProto,
    /// The number of the node that makes a name.
    makers: BTreeMap<&'a str, usize>,
    /// The numbers of the nodes that read a name.
    readers: BTreeMap<&'a str, Vec<usize>>,
    /// Constants of one number.
    scalars: BTreeMap<&'a str, f64>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a GraphProto) -> Search<'a> {
        let mut search =
            Search { graph, makers: BTreeMap::new(), readers: BTreeMap::new(), scalars: BTreeMap::new() };
        let mut constants: Vec<_> = graph.initializer.iter().map(|tensor| (&*tensor.name, tensor)).collect();
        for (index, node) in graph.node.iter().enumerate() {
            for output in &node.output {
                search.makers.insert(output, index);
                let value = node.attribute.iter().find(|attribute| attribute.name == "value");
                if let (true, Some(tensor)) = (node.op_type == "Constant", value.and_then(|v| v.t.as_ref())) {
                    constants.push((output, tensor));
                }
            }
            for input in &node.input {
                search.readers.entry(input).or_default().push(index);
            }
        }
        for (name, tensor) in constants {
            if let Ok(tensor) = constant::tensor(tensor)
                && let [value] = tensor.data()
            {
                search.scalars.insert(name, *value);
            }
        }
        search
    }

    /// Argument, inner nodes and last node of the GELU around an error function.
    fn around(&self, index: usize, erf: &'a NodeProto) -> Option<(String, Vec<usize>, usize)> {
        let scaled = *self.makers.get(&**erf.input.first()?)?;
        let divided = self.with_constant(scaled, "Div", 2f64.sqrt());
        let x = divided.or_else(|| self.with_constant(scaled, "Mul", 0.5f64.sqrt()))?;
        let plus_one = self.only_reader(index)?;
        self.with_constant(plus_one, "Add", 1.0)?;
        let next = self.only_reader(plus_one)?;
        let mut inner = vec![index, plus_one];
        if self.only_reader(scaled).is_some() {
            inner.push(scaled);
        }
        // Half of the sum, then times x.
        if self.with_constant(next, "Mul", 0.5).is_some() {
            let last = self.only_reader(next)?;
            inner.push(next);
            return (self.other_factor(last, next)? == x).then(|| (x.to_owned(), inner, last));
        }
        let other = self.other_factor(next, plus_one)?;
        if other == x {
            // The sum times x, then half of it.
            let last = self.only_reader(next)?;
            self.with_constant(last, "Mul", 0.5)?;
            inner.push(next);
            return Some((x.to_owned(), inner, last));
        }
        // The sum times half of x.
        let half = *self.makers.get(other)?;
        (self.with_constant(half, "Mul", 0.5)? == x).then_some(())?;
        if self.only_reader(half).is_some() {
            inner.push(half);
        }
        Some((x.to_owned(), inner, next))
    }

    /// The other input of a node of that operator, one of whose inputs is the constant (the second one of a division).
    fn with_constant(&self, index: usize, operator: &str, constant: f64) -> Option<&'a str> {
        let node = self.graph.node.get(index).filter(|node| node.op_type == operator)?;
        let [first, second] = &*node.input else { return None };
        let is =
            |name: &str| self.scalars.get(name).is_some_and(|value| (value / constant - 1.0).abs() < 1e-6);
        if is(second) {
            return Some(first);
        }
        (operator != "Div" && is(first)).then_some(second)
    }

    /// What a product multiplies by beside the output of node `factor`.
    fn other_factor(&self, index: usize, factor: usize) -> Option<&'a str> {
        let node = self.graph.node.get(index).filter(|node| node.op_type == "Mul")?;
        let known = self.graph.node.get(factor)?.output.first()?;
        match &*node.input {
            [first, second] if first == known => Some(second),
            [first, second] if second == known => Some(first),
            _ => None,
        }
    }

    fn only_reader(&self, index: usize) -> Option<usize> {
        let output = self.graph.node.get(index)?.output.first()?;
        let is_result = self.graph.output.iter().any(|result| result.name == *output);
        match self.readers.get(&**output).map(Vec::as_slice) {
            Some([one]) if !is_result => Some(*one),
            _ => None,
        }
    }
}
