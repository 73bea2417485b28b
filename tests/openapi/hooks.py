"""Who sends the requests: the back end of a product to the account API, a browser to all else."""
import os

import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests.auth import AuthBase


class Signature(AuthBase):
    """Signature Version 4 of API Gateway, over the host, the time and the body."""

    def __call__(self, request):
        credentials = Credentials(*os.environ["MANAGER"].split(":"))
        to_sign = AWSRequest(request.method, request.url, data=request.body or b"")
        SigV4Auth(credentials, "execute-api", os.environ["REGION"]).add_auth(to_sign)
        request.headers.update(to_sign.headers)
        return request


class Session(AuthBase):
    """The cookie of a session."""

    def __call__(self, request):
        request.headers["Cookie"] = f"__Host-session={os.environ['SESSION']}"
        return request


schemathesis.auth.set_from_requests(Signature()).apply_to(path_regex="^/admin/")
schemathesis.auth.set_from_requests(Session()).skip_for(path_regex="^/admin/")


@schemathesis.hook
def filter_path_parameters(context, path_parameters):
    """No ids with a question mark: API Gateway cuts the path off there, so the request is one for another path."""
    external_id = str((path_parameters or {}).get("external_id", ""))
    return "?" not in external_id and "%3F" not in external_id.upper()
