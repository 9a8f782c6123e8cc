//! A worker over a list: its works as they come, those that were given back once their time has come, and at its end
//! what was set aside and what others held.

use std::sync::Arc;

use super::worker_pool::{Pipeline, WorkerPool};
use crate::run::error::RunError;
use crate::run::request::WorkRequest;

/// What a worker over a list takes up.
enum Next {
    New(WorkRequest),
    Parked(WorkRequest),
    /// The first of those that were set aside, unless somebody else takes it.
    SetAside,
}

impl WorkerPool {
    /// One worker over a list.
    pub(in crate::run) async fn work_list(
        self: Arc<Self>,
        works: async_channel::Receiver<WorkRequest>,
    ) -> Result<(), RunError> {
        let mut pipeline = Pipeline { list: Some(works.clone()), ..Pipeline::default() };
        while self.has_place(&mut pipeline).await {
            let next = async {
                tokio::select! {
                    biased;
                    request = self.parked.due() => Some(Next::Parked(request)),
                    request = works.recv() => Some(Next::New(request.ok()?)),
                    // Who writes the list takes his time.
                    () = self.can_be_asked_again() => Some(Next::SetAside),
                }
            };
            let Some(next) = self.unless_ending(next).await.flatten() else { break };
            pipeline.again = matches!(next, Next::SetAside);
            let request = match next {
                Next::Parked(request) => Some(request),
                Next::New(request) => Some(request).filter(|request| self.is_new(&request.work)),
                Next::SetAside => self.set_aside.take(),
            };
            if let Some(request) = request {
                if !works.is_empty() {
                    // The next one is right behind it.
                    self.plan.together.go_on();
                }
                self.begin(request, &mut pipeline).await?;
            }
        }
        pipeline.slot = None;
        pipeline.again = true;
        while !self.set_aside.are_none() {
            if self.unless_ending(self.is_settled()).await.is_none() || !self.has_place(&mut pipeline).await {
                break;
            }
            let Some(request) = self.set_aside.take() else { break };
            self.begin(request, &mut pipeline).await?;
            pipeline.slot = None;
        }
        // What others hold comes last: by then they have ended it, or their lease has run out.
        pipeline.finish().await?;
        while let Some(held) = pipeline.held.pop_front() {
            if self.unless_ending(tokio::time::sleep(held.wait())).await.is_none()
                || !self.has_place(&mut pipeline).await
            {
                break;
            }
            self.begin(held.request, &mut pipeline).await?;
            pipeline.slot = None;
            pipeline.finish().await?;
        }
        while self.has_place(&mut pipeline).await
            && let Some(request) = self.unless_ending(self.parked.rest()).await.flatten()
        {
            self.begin(request, &mut pipeline).await?;
        }
        pipeline.slot = None;
        pipeline.finish().await
    }
}
