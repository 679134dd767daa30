//! Which component a path belongs to: exact routes, `:name` segments and a trailing `/...`.
//!
//! Of several routes that fit, the one that is more exact at the first difference wins. Slashes at the end of a
//! path, and doubled ones, make no difference, as in Spin.

use std::cmp::Ordering;

/// Paths below are the host's own.
pub const RESERVED_PREFIX: &str = "/.well-known/spin/";

#[derive(Debug, Clone)]
pub struct Route {
    /// As the manifest has it.
    raw: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Exact(String),
    /// Texts and names with dots between, with at least one name: `:repo.svg`.
    Pattern(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

/// A path that fits a route.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'r, 'p> {
    pub target: usize,
    pub route: &'r str,
    /// What `/...` took, with its slashes.
    pub rest: &'p str,
    pub names: Vec<(&'r str, &'p str)>,
}

/// Routes, the most exact first.
#[derive(Debug, Default)]
pub struct Router(Vec<(Route, usize)>);

impl Router {
    pub fn new(routes: impl IntoIterator<Item = (Route, usize)>) -> Self {
        let mut routes: Vec<_> = routes.into_iter().collect();
        routes.sort_by(|(a, _), (b, _)| a.exactness(b));
        Self(routes)
    }

    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p>> {
        self.0.iter().find_map(|(route, target)| {
            let (rest, names) = route.matches(path)?;
            Some(Match { target: *target, route: &route.raw, rest, names })
        })
    }
}

impl Route {
    pub fn parse(raw: &str) -> Result<Self, String> {
        let (path, wildcard) = match raw.strip_suffix("/...").or_else(|| raw.strip_suffix("/*")) {
            Some(path) => (path, true),
            None => (raw, false),
        };
        if path.starts_with(RESERVED_PREFIX) {
            return Err(format!("paths below {RESERVED_PREFIX} are the host's own; choose another"));
        }
        let segments =
            path.split('/').filter(|s| !s.is_empty()).map(Segment::parse).collect::<Result<_, _>>()?;
        Ok(Self { raw: raw.to_owned(), segments, wildcard })
    }

    /// Whether every path of the one is a path of the other.
    pub fn same_paths(&self, other: &Self) -> bool {
        self.wildcard == other.wildcard
            && self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(|(a, b)| a.same_paths(b))
    }

    fn exactness(&self, other: &Self) -> Ordering {
        let by_segment = self.segments.iter().zip(&other.segments).map(|(a, b)| a.rank().cmp(&b.rank()));
        let by_length = other.segments.len().cmp(&self.segments.len());
        by_segment
            .chain([by_length, self.wildcard.cmp(&other.wildcard)])
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn matches<'r, 'p>(&'r self, path: &'p str) -> Option<(&'p str, Vec<(&'r str, &'p str)>)> {
        let mut rest = path;
        let mut names = vec![];
        for segment in &self.segments {
            let inner = rest.trim_start_matches('/');
            let (part, after) = inner.split_at(inner.find('/').unwrap_or(inner.len()));
            segment.matches(part, &mut names)?;
            rest = after;
        }
        (self.wildcard || rest.bytes().all(|b| b == b'/')).then_some(if self.wildcard {
            (rest, names)
        } else {
            ("", names)
        })
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') || text == "..." {
            return Err("a wildcard is `/...` at the end of a route, and nowhere else".to_owned());
        }
        if !text.split('.').any(|piece| piece.starts_with(':')) {
            return Ok(Self::Exact(text.to_owned()));
        }
        text.split('.')
            .map(|piece| match piece.strip_prefix(':') {
                None => Ok(Piece::Text(piece.to_owned())),
                Some(name) if is_name(name) => Ok(Piece::Name(name.to_owned())),
                Some(name) => Err(format!("{name:?} can't name a segment; use letters, digits, `_` and `-`")),
            })
            .collect::<Result<_, _>>()
            .map(Self::Pattern)
    }

    fn same_paths(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pattern(a), Self::Pattern(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b).all(|pair| match pair {
                        (Piece::Text(a), Piece::Text(b)) => a == b,
                        (Piece::Name(_), Piece::Name(_)) => true,
                        _ => false,
                    })
            }
            (a, b) => a == b,
        }
    }

    /// Less is more exact.
    fn rank(&self) -> usize {
        match self {
            Self::Exact(_) => 0,
            Self::Pattern(pieces) if pieces.len() > 1 => 1,
            Self::Pattern(_) => 2,
        }
    }

    fn matches<'r, 'p>(&'r self, part: &'p str, names: &mut Vec<(&'r str, &'p str)>) -> Option<()> {
        let pieces = match self {
            Self::Exact(text) => return (text == part).then_some(()),
            Self::Pattern(pieces) => pieces,
        };
        let mut parts = part.splitn(pieces.len(), '.');
        for piece in pieces {
            let part = parts.next()?;
            match piece {
                Piece::Text(text) if text == part => {}
                Piece::Name(name) if !part.is_empty() => names.push((name, part)),
                _ => return None,
            }
        }
        Some(())
    }
}

/// The name becomes part of a header's name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[&str]) -> Router {
        Router::new(routes.iter().enumerate().map(|(i, r)| (Route::parse(r).unwrap(), i)))
    }

    #[test]
    fn the_most_exact_route_wins_whatever_the_order() {
        let routes = [
            "/...",
            "/api/...",
            "/api/:id",
            "/api/x",
            "/api/x/...",
            "/badge/:owner/:repo.svg",
            "/",
            "/badge/...",
            "/api/jobs/...",
            "/api/jobs/:id/reports",
        ];
        let router = router(&routes);
        for (path, want) in [
            ("/", "/"),
            ("/zzz", "/..."),
            ("/apix", "/..."),
            ("/api", "/api/..."),
            ("/api/", "/api/..."),
            ("/api/x", "/api/x"),
            ("/api/x/", "/api/x"),
            ("//api//x", "/api/x"),
            ("/api/x/y", "/api/x/..."),
            ("/api/7", "/api/:id"),
            ("/api/7/8", "/api/..."),
            ("/api/jobs/7/reports", "/api/jobs/:id/reports"),
            ("/api/jobs/7/events", "/api/jobs/..."),
            ("/api/jobs/7/reports/8", "/api/jobs/..."),
            ("/badge/a/b.svg", "/badge/:owner/:repo.svg"),
            ("/badge/a/b.png", "/badge/..."),
        ] {
            assert_eq!(router.find(path).unwrap().route, want, "{path}");
        }
    }

    #[test]
    fn names_and_the_rest_are_captured() {
        let router = router(&["/a/:one/b/:two/...", "/v/:n.:ext", "/exact"]);
        let found = router.find("/a/1/b/2/3/4/").unwrap();
        assert_eq!((found.names, found.rest), (vec![("one", "1"), ("two", "2")], "/3/4/"));
        assert_eq!(router.find("/a/1/b/2").unwrap().rest, "");
        assert_eq!(router.find("/a/1/b/2/").unwrap().rest, "/");
        assert_eq!(router.find("/v/x.tar.gz").unwrap().names, [("n", "x"), ("ext", "tar.gz")]);
        assert_eq!(router.find("/exact/").unwrap().rest, "");
        for none in ["/a//b/2", "/v/x", "/v/.gz", "/exac", "/exact/x", ""] {
            assert_eq!(router.find(none), None, "{none}");
        }
    }

    #[test]
    fn a_route_that_can_not_be_says_why() {
        for (route, want) in [
            ("/a/.../b", "nowhere else"),
            ("/a*", "nowhere else"),
            ("/:", "can't name"),
            ("/:a b", "can't name"),
            ("/.well-known/spin/health", "the host's own"),
        ] {
            let error = Route::parse(route).unwrap_err();
            assert!(error.contains(want), "{route}: {error}");
        }
    }

    #[test]
    fn routes_that_differ_in_names_only_have_the_same_paths() {
        let same = |a: &str, b: &str| Route::parse(a).unwrap().same_paths(&Route::parse(b).unwrap());
        assert!(same("/a/:x", "/a/:y/"));
        assert!(same("/...", "/*"));
        assert!(!same("/a/:x", "/a/:x/..."));
        assert!(!same("/a/:x.svg", "/a/:x.png"));
    }
}
