//! Who may ask: bearer tokens with roles.

use std::fmt;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::{Api, problem::Problem};
use crate::{
    metrics::{Listener, Refused},
    secrets::same,
};

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Posting devices' frames.
    Device,
    /// Asking.
    Read,
    /// Asking, and manual actions and payments.
    Operate,
    /// Everything.
    Admin,
}

impl Role {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "device" => Self::Device,
            "read" => Self::Read,
            "operate" => Self::Operate,
            "admin" => Self::Admin,
            _ => return None,
        })
    }

    /// Its word in the list of tokens.
    pub fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// Whether who has this role may do what needs the other.
    pub fn allows(self, needed: Self) -> bool {
        match self {
            Self::Admin => true,
            Self::Operate => needed != Self::Admin,
            Self::Read | Self::Device => self == needed,
        }
    }
}

/// The tokens that are let in.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(Role, String)>);

/// A line of the tokens that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tokens, line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for TokenError {}

const SHORTEST: usize = 16;

impl Tokens {
    /// Reads lines `ROLE TOKEN`; blank lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`TokenError`]; the token itself is never in it.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut tokens = Vec::new();
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let wrong = |why| Err(TokenError { line, why });
            let Some((role, token)) = content.split_once(char::is_whitespace) else {
                return wrong("expected a role (device, read, operate, admin) and a token");
            };
            let token = token.trim();
            match Role::parse(role) {
                None => return wrong("the role is none of device, read, operate, admin"),
                Some(_) if token.len() < SHORTEST => {
                    return wrong("a token must have at least 16 characters");
                }
                Some(role) => tokens.push((role, token.to_owned())),
            }
        }
        Ok(Self(tokens))
    }

    /// Whether there is none, so that everybody who can reach the socket is let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The role of a token.
    pub fn role(&self, token: &str) -> Option<Role> {
        // All are compared, each in whole, so that the time tells nothing.
        self.0.iter().fold(None, |found, (role, known)| if same(known, token) { Some(*role) } else { found })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

/// The token of a request, from its header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

/// Lets a request through that has the role, or any where no tokens are configured.
pub(super) async fn require(
    State((api, role)): State<(Api, Role)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !api.0.tokens.is_empty() {
        let token = bearer(request.headers());
        let has = token.and_then(|token| api.0.tokens.role(token));
        let refused = |why| api.0.intake.metrics().refused(Listener::Http, why, 1);
        let has = has.ok_or_else(|| {
            refused(Refused::Token);
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a bearer token is needed")
        })?;
        if !has.allows(role) {
            refused(Refused::Role);
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "the token's role does not allow this",
            ));
        }
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_roles() {
        let tokens = Tokens::parse("# keys\nread 0123456789abcdef\n\nadmin  fedcba9876543210 \n").unwrap();
        assert_eq!(tokens.role("0123456789abcdef"), Some(Role::Read));
        assert_eq!(tokens.role("fedcba9876543210"), Some(Role::Admin));
        assert_eq!(tokens.role("fedcba987654321"), None);
        assert_eq!(tokens.role("fedcba98765432100"), None);
        assert_eq!(tokens.role(""), None);
        assert_eq!(format!("{tokens:?}"), "2 tokens");
    }

    #[test]
    fn a_bad_line_is_named_and_its_token_is_not() {
        let error = |text: &str| Tokens::parse(text).unwrap_err().to_string();
        assert!(error("read 0123456789abcdef\nguest 0123456789abcdef").starts_with("tokens, line 2"));
        assert!(!error("read short").contains("short"));
        assert!(error("0123456789abcdef").contains("line 1"));
    }

    #[test]
    fn roles_allow_what_they_say() {
        use Role::{Admin, Device, Operate, Read};
        let allowed = |role: Role| [Device, Read, Operate, Admin].map(|needed| role.allows(needed));
        assert_eq!(allowed(Device), [true, false, false, false]);
        assert_eq!(allowed(Read), [false, true, false, false]);
        assert_eq!(allowed(Operate), [true, true, true, false]);
        assert_eq!(allowed(Admin), [true; 4]);
    }
}
