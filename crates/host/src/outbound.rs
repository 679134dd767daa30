//! Requests that a guest sends: allowed or denied, to another component of the application or to the outside.

use std::sync::{Arc, Weak};

use url::Host;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::{chained_component, default_port};
use crate::app::App;
use crate::state::Grants;

/// One instance's way out.
pub struct Outbound {
    pub grants: Arc<Grants>,
    pub app: Weak<App>,
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, IoResult), Error>;

impl WasiHttpHooks for Outbound {
    // The client writes it from the URL, which is what was checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: IoResult,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (grants, app) = (self.grants.clone(), self.app.clone());
        Box::new(async move {
            let response = send(&grants, &app, request, options).await?;
            Ok((response, Box::new(async { Ok(()) }) as IoResult))
        })
    }
}

async fn send(
    grants: &Grants,
    app: &Weak<App>,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<http::Response<WasiBody>, Error> {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or("https");
    let host = Host::parse(uri.host().unwrap_or_default()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let port = uri.port_u16().or_else(|| default_port(scheme)).ok_or(Error::HttpProtocolError)?;
    if !grants.outbound.iter().any(|allowed| allowed.allows(scheme, &host, port)) {
        tracing::warn!(
            component = grants.component,
            "a request to {scheme}://{host}:{port} was denied; it needs an entry in allowed_outbound_hosts"
        );
        return Err(Error::HttpRequestDenied);
    }
    let app = app.upgrade().ok_or(Error::DestinationUnavailable)?;
    if let Host::Domain(domain) = &host
        && let Some(id) = chained_component(domain)
    {
        return app.chain(id, request).await;
    }
    app.client.send(request, options).await
}
