//! Finding the route of a request, and reading its query.

use http::{Method, StatusCode};
use penstock_api::problem::Problem;

/// One route of a component: a method, a path with `:param` segments, and what it leads to.
pub type Route<T> = (Method, &'static str, T);

/// The `:param` segments of a matched path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(Vec<(&'static str, String)>);

impl Params {
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }

    /// The segment as an id.
    ///
    /// # Errors
    /// 404: what is no id is the id of nothing.
    pub fn id<T: std::str::FromStr>(&self, name: &str, what: &str) -> Result<T, Problem> {
        self.get(name).parse().map_err(|_| Problem::not_found(what))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched<T> {
    pub to: T,
    pub params: Params,
}

/// # Errors
/// 404 where no route has the path; 405 where one has it with another method. HEAD counts as GET.
pub fn find<T: Copy>(routes: &[Route<T>], method: &Method, path: &str) -> Result<Matched<T>, Problem> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let mut allowed = vec![];
    for (wanted, pattern, to) in routes {
        let Some(params) = match_path(pattern, path) else { continue };
        if wanted == method {
            return Ok(Matched { to: *to, params });
        }
        allowed.push(wanted.as_str());
    }
    if allowed.is_empty() {
        return Err(Problem::not_found("route"));
    }
    let allowed = allowed.join(", ");
    let detail = format!("this path takes {allowed}");
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let problem = Problem::new(status, "method_not_allowed", "Method not allowed", detail);
    Err(Problem { allow: Some(allowed), ..problem })
}

fn match_path(pattern: &'static str, path: &str) -> Option<Params> {
    let mut params = vec![];
    let mut have = path.split('/');
    for wanted in pattern.split('/') {
        let segment = have.next()?;
        match wanted.strip_prefix(':') {
            Some(name) if !segment.is_empty() => params.push((name, decode(segment, false)?)),
            None if wanted == segment => {}
            _ => return None,
        }
    }
    have.next().is_none().then_some(Params(params))
}

/// The query's parameters, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// 400 where the encoding is broken.
    pub fn of(uri: &http::Uri) -> Result<Self, Problem> {
        let bad = || Problem::bad_request("invalid_query", "the query is not percent-encoded UTF-8");
        let pairs = uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name, true)?, decode(value, true)?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Self).ok_or_else(bad)
    }

    /// The parameter, where it is given and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// The parameter in a type's own spelling.
    ///
    /// # Errors
    /// 400, naming the parameter.
    pub fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.get(name).map(|v| v.parse().map_err(|e| bad_parameter(name, &format!("{e}"))));
        parsed.transpose()
    }

    /// `?limit=`, from 1 to 200, 50 by default.
    ///
    /// # Errors
    /// 400 beyond.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.parse::<u32>("limit")? {
            None => Ok(50),
            Some(n @ 1..=200) => Ok(n),
            Some(_) => Err(bad_parameter("limit", "it is from 1 to 200")),
        }
    }
}

/// Cuts a list that was read one longer than asked for; answers the last kept where there are more.
pub fn more<T>(found: &mut Vec<T>, limit: u32) -> Option<&T> {
    let limit = limit as usize;
    let is_more = found.len() > limit;
    found.truncate(limit);
    if is_more { found.last() } else { None }
}

fn bad_parameter(name: &str, why: &str) -> Problem {
    Problem::bad_request("invalid_parameter", format!("`{name}`: {why}"))
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let (hex, tail) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
                rest = tail;
            }
            b'+' if plus_is_space => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &[Route<u8>] = &[
        (Method::GET, "/a", 1),
        (Method::POST, "/a", 2),
        (Method::GET, "/a/fixed", 3),
        (Method::GET, "/a/:id", 4),
        (Method::GET, "/a/:id/b", 5),
    ];

    #[test]
    fn the_first_route_that_fits_is_taken() {
        let to = |method: Method, path: &str| find(ROUTES, &method, path).map(|m| m.to).map_err(|p| p.status);
        assert_eq!(to(Method::GET, "/a"), Ok(1));
        assert_eq!(to(Method::HEAD, "/a"), Ok(1));
        assert_eq!(to(Method::POST, "/a"), Ok(2));
        assert_eq!(to(Method::GET, "/a/fixed"), Ok(3));
        assert_eq!(to(Method::GET, "/a/x"), Ok(4));
        assert_eq!(to(Method::DELETE, "/a"), Err(405));
        for none in ["/", "", "/a/", "/a/x/b/c", "/b", "//a"] {
            assert_eq!(to(Method::GET, none), Err(404), "{none}");
        }
        assert_eq!(
            find(ROUTES, &Method::GET, "/a/x%20y/b").map(|m| m.params.get("id").to_owned()),
            Ok("x y".into())
        );
    }

    #[test]
    fn a_query_is_decoded_and_bounded() {
        let query = |text: &str| Query::of(&text.parse().unwrap());
        assert_eq!(query("/x?branch=a%2Fb+c&limit=7").unwrap().get("branch"), Some("a/b c"));
        assert_eq!(query("/x?limit=7").unwrap().limit(), Ok(7));
        assert_eq!(query("/x").unwrap().limit(), Ok(50));
        for bad in ["/x?limit=0", "/x?limit=201", "/x?limit=-1", "/x?limit=a"] {
            assert_eq!(query(bad).unwrap().limit().unwrap_err().status, 400, "{bad}");
        }
        for bad in ["/x?a=%", "/x?a=%2", "/x?a=%zz", "/x?a=%ff"] {
            assert_eq!(query(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
