//! The servers of a stack, and the readers of its streams.

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::Stack;
use super::options::Options;
use super::ports::{ClosedPort, Ports, port_of};
use crate::aws::checks::Checks;
use crate::aws::connection::{ConnectionCutter, CuttableListener};
use crate::aws::containers;
use crate::aws::database::WriteSignal;
use crate::aws::endpoint::AwsEndpoint;
use crate::aws::kms::Kms;
use crate::aws::ses::Ses;
use crate::cloudfront::CloudFront;
use crate::events::{Events, Target};
use crate::gateway::Gateway;
use crate::lambda::invoker::Invoker;
use crate::mailbox;
use crate::streams::EventSourceMapping;
use crate::template::Function;

impl Stack {
    pub(super) fn serve(&mut self, options: &Options, ports: Ports) -> anyhow::Result<()> {
        self.ses = Ses::new(&self.template, self.mailbox.clone(), self.buses(options)?);
        let writes = WriteSignal::default();
        let mut checks = Checks::of(&self.template, self.faults.clone());
        checks.kms = Kms::kept(&self.template, options.data.as_deref())?;
        let endpoint = AwsEndpoint {
            checks,
            database: self.database.address,
            client: local_client()?,
            ses: self.ses.clone(),
            calls: self.calls.clone(),
            runtime: self.runtime.clone(),
            writes: writes.clone(),
        };
        if let Some(listener) = ports.containers {
            self.serve_aws(listener, containers::router(endpoint.clone()));
        }
        self.serve_aws(ports.aws, endpoint.router());
        self.serve_page(ports.mailbox, mailbox::router(self.ses.clone()));
        let (events, logs) = (self.events().clone(), self.logs.clone());
        self.tasks.push(tokio::spawn(async move { events.each(|event| logs.tell(&event.line())).await }));
        let (mailbox, logs) = (self.mailbox.clone(), self.logs.clone());
        let tell = async move { mailbox.each(|email| logs.tell(&email.line())).await };
        self.tasks.push(tokio::spawn(tell));
        self.read_streams(options, &writes)
    }

    pub(super) fn open_page(
        &mut self,
        options: &Options,
        port: ClosedPort,
        api: Option<TcpListener>,
    ) -> anyhow::Result<()> {
        let gateway = Gateway::new(
            &self.template,
            self.runtime.clone(),
            self.calls.clone(),
            self.logs.clone(),
            options,
        );
        let mut page = gateway.router();
        if let (Some(distribution), Some(api)) = (&self.template.distribution, api) {
            let host = format!("127.0.0.1:{}", port_of(&api));
            let headers = self.environments.headers_of(distribution)?;
            let cloudfront = CloudFront::new(distribution, &headers, &host)?;
            self.api_url = Some(format!("http://{host}"));
            self.serve_page(api, page.clone());
            page = cloudfront.before(page);
        }
        self.serve_page(port.open()?, page);
        Ok(())
    }

    /// The buses, with the rules of the template.
    fn buses(&self, options: &Options) -> anyhow::Result<Events> {
        let mut targets = Vec::new();
        for function in &self.template.functions {
            for rule in &function.rules {
                targets.push(Target {
                    rule: rule.clone(),
                    function: function.name.clone(),
                    invoker: self.invoker(options, function)?,
                    asynchronous: function.asynchronous.clone(),
                });
            }
        }
        Ok(Events::new(&self.template.buses, targets, self.dead_letters.clone(), self.logs.clone()))
    }

    fn read_streams(&mut self, options: &Options, writes: &WriteSignal) -> anyhow::Result<()> {
        for function in &self.template.functions {
            let Some(source) = function.stream.clone() else { continue };
            let mapping = EventSourceMapping {
                function: function.name.clone(),
                source,
                database: self.database.database.clone(),
                invoker: self.invoker(options, function)?,
                writes: writes.clone(),
                pause: self.stream_pause.clone(),
                dead_letters: self.dead_letters.clone(),
                logs: self.logs.clone(),
                data: options.data.clone(),
            };
            self.tasks.push(tokio::spawn(mapping.run()));
        }
        Ok(())
    }

    /// How a function without a route is invoked.
    fn invoker(&self, options: &Options, function: &Function) -> anyhow::Result<Invoker> {
        let elsewhere = options.sam_local.as_ref().and_then(|sam_local| sam_local.invoke.as_deref());
        Ok(match elsewhere {
            Some(url) => Invoker::of_lambda(local_client()?, url, &function.logical_id),
            None => Invoker::of_process(self.runtime.clone(), &function.name),
        })
    }

    fn serve_aws(&mut self, listener: TcpListener, router: axum::Router) {
        let service =
            self.hosts.clone().only(router).into_make_service_with_connect_info::<ConnectionCutter>();
        let listener = CuttableListener(listener);
        self.tasks.push(tokio::spawn(async move { ended(axum::serve(listener, service).await) }));
    }

    fn serve_page(&mut self, listener: TcpListener, router: axum::Router) {
        let service =
            self.hosts.clone().only(router).into_make_service_with_connect_info::<std::net::SocketAddr>();
        self.tasks.push(tokio::spawn(async move { ended(axum::serve(listener, service).await) }));
    }
}

/// A client for this machine; it ignores the proxies of the environment.
fn local_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().build().context("no HTTP client")
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        eprintln!("a server of the stack stopped: {error}");
    }
}
