//! The lock read as a graph: why something is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::lock::Edge;

/// Answers why a pin is there. Made once for all pins, because each answer looks others up.
pub struct Chains<'a>(BTreeMap<String, &'a [Edge]>);

impl<'a> Chains<'a> {
    /// From the edges that brought each pin and each app, by id.
    pub(super) fn new(because: BTreeMap<String, &'a [Edge]>) -> Self {
        Self(because)
    }

    /// The shortest chain of edges from the inventory to a pin, inventory first. Empty when there is none.
    pub fn of(&self, id: &str) -> Vec<Edge> {
        let mut seen = BTreeSet::from([id.to_owned()]);
        let mut front: Vec<Vec<&Edge>> = self.edges(id).iter().map(|edge| vec![edge]).collect();
        while !front.is_empty() {
            let arrived =
                |chain: &&Vec<&Edge>| chain.last().is_some_and(|edge| edge.from == "inventory");
            if let Some(chain) = front.iter().find(arrived) {
                return chain.iter().rev().map(|edge| (*edge).clone()).collect();
            }
            front = front
                .into_iter()
                .filter(|chain| chain.last().is_some_and(|edge| seen.insert(edge.from.clone())))
                .flat_map(|chain| {
                    let from = chain.last().map_or("", |edge| edge.from.as_str());
                    let edges = self.edges(from).iter();
                    edges.map(move |edge| [chain.as_slice(), &[edge]].concat()).collect::<Vec<_>>()
                })
                .collect();
        }
        Vec::new()
    }

    /// For each edge that brought a pin, the shortest chain that ends in it; the shortest of them first.
    pub fn all(&self, id: &str) -> Vec<Vec<Edge>> {
        let mut all: Vec<Vec<Edge>> = self
            .edges(id)
            .iter()
            .map(|edge| {
                let mut chain = self.of(&edge.from);
                chain.push(edge.clone());
                chain
            })
            .collect();
        all.sort_by_key(Vec::len);
        all
    }

    fn edges(&self, id: &str) -> &'a [Edge] {
        self.0.get(id).copied().unwrap_or_default()
    }
}
