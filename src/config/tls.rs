//! Certificate and key.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

use crate::cli::secret::shown;

/// Reads the certificate chain and its private key; `None` if neither is configured.
pub(super) fn load(cert: Option<&Path>, key: Option<&Path>) -> Result<Option<Arc<ServerConfig>>, String> {
    let (cert, key) = match (cert, key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert, key),
        _ => return Err("CHAT_TLS_CERT and CHAT_TLS_KEY belong together: set both, or neither".to_owned()),
    };
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("CHAT_TLS_CERT: {} cannot be read: {error}", shown(cert)))?;
    if chain.is_empty() {
        return Err(format!("CHAT_TLS_CERT: there is no certificate in {}", shown(cert)));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| format!("CHAT_TLS_KEY: {} cannot be read: {error}", shown(key)))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| format!("CHAT_TLS_CERT and CHAT_TLS_KEY do not go together: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}
