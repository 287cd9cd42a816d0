//! Whether a proxy stands between us and the API server, by the variables that `kubectl` honours.

use http::Uri;

/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` in either case, as Go's `net/http` reads them: the scheme of the target
/// chooses the variable, loopback is never proxied. A variable that is no URL is ignored.
pub(crate) fn from_environment(target: &Uri, env: &[(String, String)]) -> Option<Uri> {
    let get = |name: &str| {
        let is_it = |it: &&(String, String)| it.0.eq_ignore_ascii_case(name) && !it.1.is_empty();
        env.iter().rev().find(is_it).map(|(_, it)| it.as_str())
    };
    let host = target.host()?;
    let is_https = target.scheme_str() == Some("https");
    let proxy = get(if is_https { "HTTPS_PROXY" } else { "HTTP_PROXY" })?;
    if is_loopback(host) || is_exempt(host, target.port_u16(), get("NO_PROXY").unwrap_or_default())
    {
        return None;
    }
    let with_scheme =
        if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    with_scheme.parse().ok()
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// One entry exempts `*` everything, a name itself and everything below it, an address, or a CIDR block.
fn is_exempt(host: &str, port: Option<u16>, no_proxy: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    no_proxy.split(',').map(str::trim).filter(|it| !it.is_empty()).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        let (name, wanted_port) = match entry.rsplit_once(':') {
            Some((name, digits)) if !name.contains(':') => (name.to_owned(), digits.parse().ok()),
            _ => (entry, None),
        };
        if wanted_port.is_some() && wanted_port != port {
            return false;
        }
        let bare = name.trim_start_matches("*.").trim_start_matches('.');
        name == "*"
            || host == name
            || (!bare.is_empty() && host.strip_suffix(bare).is_some_and(|it| it.ends_with('.')))
            || (host == bare && !name.starts_with('.'))
            || in_block(&host, &name)
    })
}

fn in_block(host: &str, block: &str) -> bool {
    use std::net::IpAddr::{V4, V6};
    let Some((net, bits)) = block.split_once('/') else { return false };
    let (Ok(host), Ok(net), Ok(bits)) = (host.parse(), net.parse(), bits.parse::<u32>()) else {
        return false;
    };
    match (host, net) {
        (V4(host), V4(net)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
            bits <= 32 && host.to_bits() & mask == net.to_bits() & mask
        }
        (V6(host), V6(net)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            bits <= 128 && host.to_bits() & mask == net.to_bits() & mask
        }
        (V4(_), V6(_)) | (V6(_), V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_as_go_reads_them() {
        let check = |target: &str, no_proxy: &str, expected: Option<&str>| {
            let env = [
                ("https_proxy", "proxy:3128"),
                ("HTTP_PROXY", "http://plain:1"),
                ("NO_PROXY", no_proxy),
            ];
            let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let found = from_environment(&target.parse().unwrap(), &env);
            let expected = expected.map(|it| it.parse::<Uri>().unwrap());
            assert_eq!(found, expected, "{target} {no_proxy}");
        };
        let https = Some("http://proxy:3128");
        check("https://a.eks.amazonaws.com", "", https);
        check("http://a.example", "", Some("http://plain:1"));
        check("https://127.0.0.1:6443", "", None);
        check("https://[::1]:6443", "", None);
        check("https://localhost:6443", "", None);
        check("https://a.eks.amazonaws.com", ".amazonaws.com", None);
        check("https://a.eks.amazonaws.com", "other, eks.amazonaws.com", None);
        check("https://beks.amazonaws.com", "eks.amazonaws.com", https);
        check("https://10.1.2.3", "10.0.0.0/8", None);
        check("https://11.1.2.3", "10.0.0.0/8", https);
        check("https://10.1.2.3", "10.1.2.3", None);
        check("https://a.example:8443", "a.example:443", https);
        check("https://a.example:8443", "a.example:8443", None);
        check("https://a.example", "*", None);
        check("https://a.example", "0.0.0.0/0", https);
        check("https://10.1.2.3", "0.0.0.0/0", None);
    }
}
