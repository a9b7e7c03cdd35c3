//! Levels of means beside each tensor of the arena, so that a box seen from afar costs as much as
//! a near one: one sample a pixel, whatever number of cells falls under it.

use bytemuck::{Pod, Zeroable};

/// How a box lays the elements of its tensor out as cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    /// Cells along x, y and z, each 1 or more.
    pub counts: [u32; 3],
    /// Distance in elements of neighbouring cells along x, y and z.
    pub strides: [u32; 3],
}

/// Most levels that a tensor gets; the last one means 256 x 256 cells.
const MOST: u32 = 8;

/// Floats that say where the levels of the six faces begin, counted from the tensor's first.
const HEAD: u32 = 6 * MOST;

/// One level of one face (`shaders/means.wgsl`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
struct Job {
    first: u32,
    elements: u32,
    out: u32,
    face: u32,
    counts: [u32; 3],
    level: u32,
    strides: [u32; 3],
    pad: u32,
}

impl Cells {
    /// Levels above the cells themselves; few cells need none.
    pub fn levels(&self) -> u32 {
        let most = self.counts.into_iter().max().unwrap_or(0);
        match most {
            0..8 => 0,
            _ => most.next_power_of_two().trailing_zeros().min(MOST),
        }
    }

    /// Cells of `face` at `level`.
    fn face(&self, face: u32, level: u32) -> u64 {
        let axis = face as usize / 2;
        let side = |i: usize| self.counts[i % 3].div_ceil(1 << level) as u64;
        side(axis + 1) * side(axis + 2)
    }

    /// Floats that the levels take.
    pub(crate) fn room(&self) -> u64 {
        let levels = (1..=self.levels()).flat_map(|l| (0..6).map(move |f| (f, l)));
        match self.levels() {
            0 => 0,
            _ => HEAD as u64 + levels.map(|(f, l)| 2 * self.face(f, l)).sum::<u64>(),
        }
    }
}

/// What is still to be averaged, page by page.
#[derive(Default)]
pub(crate) struct Means {
    jobs: Vec<(u32, Job)>,
    pipeline: Option<wgpu::ComputePipeline>,
}

impl Means {
    /// Forgets what was asked for.
    pub(crate) fn clear(&mut self) {
        self.jobs.clear();
    }

    /// Asks for the levels of the `elements` floats at `first` of page `page`, whose levels go
    /// right behind them. Returns the head that belongs there.
    pub(crate) fn ask(&mut self, page: u32, first: u32, elements: u32, cells: &Cells) -> Vec<f32> {
        let mut head = vec![0.0; HEAD as usize];
        let mut at = HEAD as u64;
        for face in 0..6 {
            for level in 1..=cells.levels() {
                // Below 2^24 and therefore exact: faces that are larger get no levels.
                head[(face * MOST + level - 1) as usize] = at as f32;
                self.jobs.push((
                    page,
                    Job {
                        first,
                        elements,
                        out: first + elements + at as u32,
                        face,
                        counts: cells.counts,
                        level,
                        strides: cells.strides,
                        pad: 0,
                    },
                ));
                at += 2 * cells.face(face, level);
            }
        }
        head
    }

    /// Averages what was asked for. What was written to the queue before is seen.
    pub(crate) fn encode(
        &mut self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        pages: &[&wgpu::Buffer],
    ) {
        let mut jobs = std::mem::take(&mut self.jobs);
        jobs.sort_by_key(|(page, _)| *page);
        for run in jobs.chunk_by(|a, b| a.0 == b.0) {
            let page = pages[run[0].0 as usize];
            let list: Vec<Job> = run.iter().map(|(_, job)| *job).collect();
            let cells = |job: &Job| Cells {
                counts: job.counts,
                strides: job.strides,
            };
            let starts = |(i, job): (usize, &Job)| {
                let count = cells(job).face(job.face, job.level) as u32;
                (0..count).step_by(64).map(move |start| [i as u32, start])
            };
            let groups: Vec<[u32; 2]> = list.iter().enumerate().flat_map(starts).collect();
            self.dispatch(device, encoder, page, &list, &groups);
        }
    }

    fn dispatch(
        &mut self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        page: &wgpu::Buffer,
        jobs: &[Job],
        groups: &[[u32; 2]],
    ) {
        let pipeline = self.pipeline.get_or_insert_with(|| pipeline(device));
        let stored = |label, contents| {
            let size = std::mem::size_of_val::<[u8]>(contents) as u64;
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage: wgpu::BufferUsages::STORAGE,
                mapped_at_creation: true,
            });
            buffer.slice(..).get_mapped_range_mut().copy_from_slice(contents);
            buffer.unmap();
            buffer
        };
        let jobs = stored("jobs of means", bytemuck::cast_slice(jobs));
        let list = stored("groups of means", bytemuck::cast_slice(groups));
        let bindings = [&jobs, &list, page];
        let entries: Vec<_> = (0u32..)
            .zip(bindings)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let bound = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("means"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, &bound, &[]);
        let columns = (groups.len() as u32).min(32_768);
        pass.dispatch_workgroups(columns, (groups.len() as u32).div_ceil(columns), 1);
    }
}

fn pipeline(device: &wgpu::Device) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("means"),
        source: wgpu::ShaderSource::Wgsl(include_str!("../../shaders/means.wgsl").into()),
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("means"),
        layout: None,
        module: &module,
        entry_point: Some("means"),
        compilation_options: Default::default(),
        cache: None,
    })
}
