//! TLS: certificates are always checked, and a handshake that fails says why in plain words.
//!
//! It is the system's own TLS on Windows and macOS, and OpenSSL, built along, elsewhere: Douyu's servers offer nothing but
//! TLS 1.2 with static RSA (`AES256-GCM-SHA384`), which rustls does not have.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use native_tls::Certificate;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_native_tls::{TlsConnector, TlsStream};

use crate::speaks::{Speaks, Tap};

/// No file of certificates is larger than this.
const PEM: u64 = 4 << 20;

/// Certificates of authorities to trust beside the system's.
#[derive(Clone)]
pub struct Ca {
    path: PathBuf,
    certificates: Vec<Certificate>,
}

impl Ca {
    /// Reads them from a file in PEM format, which may hold several.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, NoCa> {
        let path = path.into();
        let mut pem = Vec::new();
        match File::open(&path).and_then(|file| file.take(PEM).read_to_end(&mut pem)) {
            Ok(_) => {}
            Err(source) => return Err(NoCa::Read { path, source }),
        }
        match Certificate::stack_from_pem(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(Self { path, certificates }),
            _ => Err(NoCa::NoCertificate { path }),
        }
    }

    /// The file that they were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ca({:?}, {} certificates)", self.path, self.certificates.len())
    }
}

/// Why there are no certificates.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NoCa {
    /// The file cannot be read.
    #[error("cannot read the certificates in {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is none in it.
    #[error("{} holds no certificate in PEM format (-----BEGIN CERTIFICATE-----)", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
}

/// Why there is no TLS. Certificates are told apart where OpenSSL is used; elsewhere the system's own words are shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Nobody that is trusted here vouches for the certificate.
    #[error(
        "its certificate comes from an authority that is not trusted here; \
         if the server is yours, name its authority's certificate as an additional one"
    )]
    UnknownIssuer(#[source] native_tls::Error),
    /// The certificate is another server's.
    #[error(
        "its certificate is for another name; is the host right, or does something on the way answer in its place?"
    )]
    WrongName(#[source] native_tls::Error),
    /// The certificate was good once.
    #[error("its certificate has expired; is the clock of this computer right?")]
    Expired(#[source] native_tls::Error),
    /// The certificate will be good some day.
    #[error("its certificate is not valid yet; is the clock of this computer right?")]
    NotYetValid(#[source] native_tls::Error),
    /// The certificate is not good for another reason.
    #[error("its certificate is refused: {0}")]
    Certificate(#[source] native_tls::Error),
    /// Both sides speak TLS, but not the same.
    #[error("it refused the handshake: it has no TLS version or cipher in common with this program")]
    NothingInCommon(#[source] native_tls::Error),
    /// It speaks something else.
    #[error("it speaks {0} and not TLS: is the port right, and is it wss:// and not ws:// or tcp://?")]
    Speaks(Speaks),
    /// It speaks something else, nobody knows what.
    #[error("it does not speak TLS: is the port right, and is it wss:// and not ws:// or tcp://?")]
    NotTls(#[source] native_tls::Error),
    /// It closes, which is also what firewalls do.
    #[error("it closes in the middle of the TLS handshake: is the port right, or is something in the way?")]
    Closed(#[source] native_tls::Error),
    /// Anything else.
    #[error("the TLS handshake failed: {0}")]
    Other(#[source] native_tls::Error),
}

impl TlsError {
    /// A short name that does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnknownIssuer(_)
            | Self::WrongName(_)
            | Self::Expired(_)
            | Self::NotYetValid(_)
            | Self::Certificate(_) => "certificate",
            Self::NothingInCommon(_) | Self::Speaks(_) | Self::NotTls(_) | Self::Closed(_) | Self::Other(_) => "tls",
        }
    }

    /// Reads OpenSSL's words: native-tls passes on nothing else. They are those of the version that is built along, and
    /// tests hold them.
    fn new(error: native_tls::Error, speaks: Option<Speaks>) -> Self {
        let text = error.to_string().to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
        if let Some(speaks) = speaks.filter(|&speaks| speaks != Speaks::Tls) {
            Self::Speaks(speaks)
        } else if says(&[
            "local issuer certificate",
            "self-signed certificate",
            "unable to get issuer",
            "first certificate",
        ]) {
            Self::UnknownIssuer(error)
        } else if says(&["hostname mismatch", "ip address mismatch"]) {
            Self::WrongName(error)
        } else if says(&["certificate has expired"]) {
            Self::Expired(error)
        } else if says(&["certificate is not yet valid"]) {
            Self::NotYetValid(error)
        } else if says(&["certificate verify failed"]) {
            Self::Certificate(error)
        } else if says(&[
            "handshake failure",
            "alert protocol version",
            "unsupported protocol",
            "insufficient security",
        ]) {
            Self::NothingInCommon(error)
        } else if says(&["wrong version number", "packet length too long", "record layer failure"]) {
            Self::NotTls(error)
        } else if says(&["unexpected eof", "connection reset"]) {
            Self::Closed(error)
        } else {
            Self::Other(error)
        }
    }
}

/// Shakes hands.
#[derive(Debug)]
pub(crate) struct Tls {
    ca: Option<Ca>,
    /// Made when first needed: it reads all the system's certificates.
    connector: OnceLock<TlsConnector>,
}

impl Tls {
    pub(crate) const fn new(ca: Option<Ca>) -> Self {
        Self { ca, connector: OnceLock::new() }
    }

    /// Shakes hands as a client of `host`. The caller sets the deadline.
    pub(crate) async fn connect<S>(&self, host: &str, io: S) -> Result<TlsStream<Tap<S>>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = if let Some(connector) = self.connector.get() {
            connector
        } else {
            let connector = self.connector().map_err(TlsError::Other)?;
            self.connector.get_or_init(|| connector)
        };
        let (io, heard) = Tap::new(io);
        connector.connect(host, io).await.map_err(|error| TlsError::new(error, heard.speak()))
    }

    fn connector(&self) -> Result<TlsConnector, native_tls::Error> {
        let mut builder = native_tls::TlsConnector::builder();
        for certificate in self.ca.iter().flat_map(|ca| &ca.certificates) {
            builder.add_root_certificate(certificate.clone());
        }
        builder.build().map(TlsConnector::from)
    }
}
