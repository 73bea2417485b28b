//! How a stack is started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::ports::Ports;
use super::sam_local::SamLocal;
use crate::build::Profile;
use crate::logs::Printing;
use crate::template::Function;

/// How a stack is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The first of the ports; 0 for ports that are free.
    pub port_base: u16,
    /// Where data is kept between runs; `None` for memory.
    pub data: Option<PathBuf>,
    /// The accounts to load; `None` for the demo accounts.
    pub accounts: Option<PathBuf>,
    /// Parameters of the template that differ from their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Functions that a developer runs by hand.
    pub without: Vec<String>,
    /// `sam local` runs the functions with routes; the stack is only what they need around them.
    pub sam_local: Option<SamLocal>,
    /// Whether browsers get cookies that Safari keeps without TLS.
    pub plain_cookies: bool,
    /// How the binaries are built.
    pub profile: Profile,
    /// How much is printed.
    pub printing: Printing,
    /// Whether the progress of the build is shown.
    pub progress: bool,
}

impl Options {
    /// Whether the stack starts this function itself.
    pub(super) fn runs(&self, function: &Function) -> bool {
        let here = match &self.sam_local {
            None => true,
            Some(sam_local) => function.routes.is_empty() && sam_local.invoke.is_none(),
        };
        here && !self.without.contains(&function.name)
    }

    /// Reserves the ports.
    pub(super) async fn ports(&self) -> anyhow::Result<Ports> {
        match &self.sam_local {
            None => Ports::bind(self.port_base).await,
            Some(sam_local) => Ports::bind_for_sam_local(self.port_base, sam_local.listen).await,
        }
    }
}
