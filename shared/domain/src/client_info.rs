//! Where a request came from, as far as the owner of an account may know: the kind of device and a part of the network.
//!
//! Enough to recognise one's own phone, too little to locate anybody: no full address, no browser version.
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The kind of device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// An iPhone.
    Iphone,
    /// An iPad that says so; many claim to be a Mac.
    Ipad,
    /// A phone or tablet with Android.
    Android,
    /// A computer with Windows.
    Windows,
    /// A computer with macOS.
    Mac,
    /// A Chromebook.
    ChromeOs,
    /// A computer with Linux.
    Linux,
    /// Anything else: a program, or a browser that does not say.
    #[default]
    Unknown,
}

impl Device {
    /// Parses a `User-Agent` header (RFC 9110 section 10.1.5). Anybody can forge it, so no decision may depend on it.
    pub fn of_user_agent(user_agent: &str) -> Self {
        // The order matters: Android names Linux, an iPhone names "like Mac OS X".
        let signs = [
            ("iPhone", Self::Iphone),
            ("iPad", Self::Ipad),
            ("Android", Self::Android),
            ("CrOS", Self::ChromeOs),
            ("Windows", Self::Windows),
            ("Macintosh", Self::Mac),
            ("Linux", Self::Linux),
        ];
        let sign = signs.into_iter().find(|(sign, _)| user_agent.contains(sign));
        sign.map_or(Self::Unknown, |(_, device)| device)
    }

    /// The name in stored data, and the suffix of its text's key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iphone => "iphone",
            Self::Ipad => "ipad",
            Self::Android => "android",
            Self::Windows => "windows",
            Self::Mac => "mac",
            Self::ChromeOs => "chrome-os",
            Self::Linux => "linux",
            Self::Unknown => "unknown",
        }
    }
}

/// Where a request came from; unknown by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The kind of device.
    pub device: Device,
    /// The first half of an IPv4 address, or the first two groups of an IPv6 address: a provider or a town.
    pub network: String,
    /// Whether it was the service of a product, of which no device and no network is kept.
    #[serde(default, rename = "product", skip_serializing_if = "std::ops::Not::not")]
    pub is_product: bool,
}

impl ClientInfo {
    /// The client with this `User-Agent` and IP address.
    pub fn new(user_agent: &str, client: IpAddr) -> Self {
        let (device, network) = (Device::of_user_agent(user_agent), abbreviated(client));
        Self { device, network, is_product: false }
    }

    /// The service of a product. Its server is not where the owner is.
    pub fn of_product() -> Self {
        Self { is_product: true, ..Self::default() }
    }

    /// What the client's address begins with, as people read it. Empty if that was not stored.
    pub fn network_begin(&self) -> &str {
        let begin = self.network.strip_suffix(".x.x").or_else(|| self.network.strip_suffix(":…"));
        begin.unwrap_or(&self.network)
    }
}

fn abbreviated(client: IpAddr) -> String {
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            format!("{a}.{b}.x.x")
        }
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            format!("{a:x}:{b:x}:…")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_recognised_by_its_user_agent() {
        let agents = [
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15", Device::Iphone),
            ("Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36", Device::Android),
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", Device::Windows),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15", Device::Mac),
            ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36", Device::ChromeOs),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", Device::Linux),
            ("curl/8.14.1", Device::Unknown),
            ("", Device::Unknown),
        ];
        for (agent, device) in agents {
            assert_eq!(Device::of_user_agent(agent), device, "{agent}");
        }
    }

    #[test]
    fn nothing_is_kept_of_the_server_of_a_product() {
        let product = ClientInfo::of_product();
        assert_eq!((product.device, &*product.network), (Device::Unknown, ""));
        let stored = r#"{"device":"unknown","network":"","product":true}"#;
        assert_eq!(serde_json::to_string(&product).expect("it is written"), stored);
        assert_eq!(serde_json::from_str::<ClientInfo>(stored).expect("it is read"), product);
        let of_before = r#"{"device":"mac","network":"203.0.x.x"}"#;
        let read: ClientInfo = serde_json::from_str(of_before).expect("it is read");
        assert!(!read.is_product);
        assert_eq!(serde_json::to_string(&read).expect("it is written"), of_before);
    }

    #[test]
    fn a_network_is_less_than_an_address() {
        for (client, network, begin) in [
            ("203.0.113.9", "203.0.x.x", "203.0"),
            ("::ffff:203.0.113.9", "203.0.x.x", "203.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:…", "2001:db8"),
        ] {
            let client = ClientInfo::new("", client.parse().expect("an IP address"));
            assert_eq!((&*client.network, client.network_begin()), (network, begin));
        }
        assert_eq!(ClientInfo::default().network_begin(), "");
    }
}
