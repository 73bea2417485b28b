"""A Flask site that signs people in through Sparekey, with Authlib.

    pip install flask authlib requests
    ISSUER=http://127.0.0.1:3000 CLIENT_ID=… CLIENT_SECRET=… flask --app flask_app run --port 8400

Registered with the redirect address http://127.0.0.1/callback.
"""
import os
import secrets

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, session, url_for

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
sparekey = OAuth(app).register(
    "sparekey",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


@app.get("/")
def home():
    if "sub" not in session:
        return '<a href="/login">Sign in</a>'
    # Somebody who has just recovered the account may look, and buys nothing before a sign-in as usual.
    return {name: session[name] for name in ("sub", "name", "email", "recovery")}


@app.get("/login")
def login():
    return sparekey.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    token = sparekey.authorize_access_token()  # state, nonce, signature, issuer, audience and times are checked
    person = sparekey.userinfo(token=token)
    session["sub"] = person["sub"]  # never changes; the email may
    session["name"], session["email"] = person["preferred_username"], person["email"]
    session["recovery"] = token["userinfo"]["sparekey_recovery"]
    return redirect("/")
