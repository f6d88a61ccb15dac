"""A server that answers as S3 does: moto, as a process. Its argument is the region.

It writes a line of JSON: ``url``; and ``owner`` and ``writer``, each with an
``access_key`` and a ``secret_key``. The bucket ``wallets`` exists. The writer may put
objects and not read them. It ends when its standard input is closed.
"""

import json
import os
import sys
from typing import Any

SETUP_CALLS = 7
"""Calls of the set-up; later ones are allowed only with a signature and a policy."""
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(SETUP_CALLS)

import boto3  # noqa: E402 - moto reads the variable when it is imported
from moto.server import ThreadedMotoServer  # noqa: E402


def main() -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    options = {
        "endpoint_url": url,
        "region_name": sys.argv[1],
        "aws_access_key_id": "setup",
        "aws_secret_access_key": "setup",
    }
    boto3.client("s3", **options).create_bucket(
        Bucket="wallets", CreateBucketConfiguration={"LocationConstraint": sys.argv[1]}
    )
    iam = boto3.client("iam", **options)
    owner = make_user(iam, "owner", ["s3:*"])
    writer = make_user(iam, "writer", ["s3:PutObject"])
    sys.stdout.write(json.dumps({"url": url, "owner": owner, "writer": writer}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


def make_user(
    iam: Any,  # noqa: ANN401 - it has no types
    name: str,
    actions: list[str],
) -> dict[str, str]:
    """Three calls: a user with a key, who may do these actions."""
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


if __name__ == "__main__":
    main()
