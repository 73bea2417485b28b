//! Products sign their people in here: the rules of an OpenID Connect provider, by the authorization code flow with PKCE alone
//! (docs/decisions/0033).
//!
//! A client (`client`) sends its person with a request (`request`), which may wait (`waiting_request`) until a session is enough
//! for it (`authentication`). The answer (`authorization_response`) has a code (`code`). The client redeems it (`token_request`,
//! `client_authentication`) for tokens (`id_token`, `access_token`, signed as `jws` with a key of `jwk`,
//! one after the other of `signing_keys`), asks about the person
//! (`userinfo`) and sends them to sign out (`sign_out`).
mod access_token;
mod authentication;
mod authorization_response;
mod client;
mod client_authentication;
mod client_secret;
mod code;
mod code_challenge;
mod id_token;
mod issuer;
mod jwk;
mod jws;
mod key_arn;
mod metadata;
mod parameters;
mod prompt;
mod redirect_uri;
mod request;
mod scopes;
mod sign_out;
mod signing_keys;
#[cfg(test)]
mod test_keys;
mod token_request;
mod token_response;
mod userinfo;
pub mod waiting_request;

pub use access_token::{ACCESS_TOKEN_LIFETIME, AccessToken, AccessTokenClaims, AccessTokenRefused};
pub use authentication::{Authentication, AuthenticationMethod, NextStep, RECOVERY_CLAIM};
pub use authorization_response::{
    AuthorizationError, AuthorizationErrorCode, AuthorizationRefused, ReturnAddress, Unredirectable,
};
pub use client::{
    CLIENT_ID_BYTES, Client, ClientAuthentication, ClientId, ClientName, ClientRefused, MAX_URIS, NotAClient,
    NotAClientId, NotAClientName,
};
pub use client_authentication::ClientCredentials;
pub use client_secret::{ClientSecret, ClientSecrets, StoredSecret};
pub use code::{CODE_LIFETIME, CodeRefused, IssuedCode};
pub use code_challenge::{CodeChallenge, CodeVerifier, NotACodeChallenge, NotACodeVerifier};
pub use id_token::{HintRefused, ID_TOKEN_LIFETIME, IdToken, IdTokenHint};
pub use issuer::{
    AUTHORIZE_PATH, DISCOVERY_PATH, Issuer, KEYS_PATH, SIGN_OUT_PATH, TOKEN_PATH, USERINFO_PATH,
};
pub use jwk::{Jwk, JwkSet, KeyId, NotAKeyId, NotAPublicKey, PublicKey, PublicKeys};
pub use jws::{ALGORITHM, NotVerified, UnsignedToken, named_key};
pub use key_arn::{KeyArn, NotAKeyArn};
pub use metadata::Metadata;
pub use parameters::{Parameters, Repeated};
pub use prompt::Prompt;
pub use redirect_uri::{NotARedirectUri, RedirectUri};
pub use request::AuthorizationRequest;
pub use scopes::{NoOpenId, Scopes};
pub use sign_out::{SignOutRefused, SignOutRequest};
pub use signing_keys::{
    HINTS_AFTER, KeyState, LIST_KEPT_FOR, NotSigningKeys, PUBLISHED_AFTER, PUBLISHED_BEFORE, Rotation,
    SigningKey, SigningKeys, UnderWay,
};
pub use token_request::{GRANT_TYPE, TokenRequest};
pub use token_response::{TokenError, TokenErrorCode, TokenResponse};
pub use userinfo::UserInfo;
pub use waiting_request::{NotWaiting, WaitingRequest};
