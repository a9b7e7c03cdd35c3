//! Host copies of what panels read, while the tensors stay on their device.

use model::TensorId;

use crate::Session;
use crate::worker::Job;

impl Session {
    /// Asks for a host copy of a tensor on show, which `TraceTensor::host` has some frames later.
    pub fn want(&mut self, tensor: TensorId) {
        self.fetch(&[(self.state.backward, tensor)]);
    }

    /// Asks for what panels read: the outputs, the selection, an attention and a number that
    /// are looked at. False when nothing is missing.
    pub(crate) fn fetch_usual(&mut self) -> bool {
        let Some(document) = &self.document else {
            return false;
        };
        let selected = document
            .layout
            .volumes
            .iter()
            .find(|v| self.state.selection == Some(v.node));
        let mut wanted: Vec<_> = document
            .network
            .main()
            .outputs
            .iter()
            .map(|&t| (false, t))
            .collect();
        if self.state.attend.is_some() {
            let sites = document.attention().iter();
            let read = sites.flat_map(|s| [s.weights, s.queries, s.keys]);
            wanted.extend(read.flatten().map(|t| (false, t)));
        }
        if self.cell.is_some() {
            wanted.extend(self.cell_reads.iter().map(|&t| (false, t)));
        }
        wanted.extend(selected.and_then(|v| Some((self.state.backward, v.tensor?))));
        self.fetch(&wanted)
    }

    fn fetch(&mut self, wanted: &[(bool, TensorId)]) -> bool {
        let Some(document) = &self.document else {
            return false;
        };
        let mut missing = Vec::new();
        for &(backward, id) in wanted {
            let trace = if backward {
                &document.gradients
            } else {
                &document.trace
            };
            let tensor = trace.as_ref().and_then(|t| t.tensors.get(&id));
            if let Some(tensor) = tensor.filter(|t| t.host().is_none())
                && self.wanted.insert((backward, id))
            {
                missing.push(tensor.clone());
            }
        }
        let any = !missing.is_empty();
        if any {
            self.worker.submit(self.ticket, self.budget, Job::Fetch(missing));
        }
        any
    }
}
