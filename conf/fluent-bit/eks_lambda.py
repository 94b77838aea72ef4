"""Posts EKS audit events from CloudWatch Logs to Fluent Bit, see eks.yaml.

A Lambda function without packages, for Python 3.9 or newer; its handler is
eks_lambda.handler. Subscribe it to /aws/eks/CLUSTER/cluster with the filter pattern
{ $.apiVersion = "audit.k8s.io/v1" } and, since in_http asks for no password, let it reach Fluent
Bit only from within the VPC.

FLUENT_BIT_URL   where Fluent Bit listens, such as https://fluent-bit.internal:9880/
SSL_CERT_FILE    authorities of its certificate in PEM, if they are not public ones

What CloudWatch Logs brings is gzip in base64 in event["awslogs"]["data"]; what is
posted is the JSON in it, {"messageType":"DATA_MESSAGE","logEvents":[...]}. Whatever
Fluent Bit does not take is an error, after which Lambda tries again: twice, unless
configured otherwise, and then sends it to where failures go, if that is configured.
"""

import base64
import gzip
import json
import os
import urllib.request


def handler(event, context):
    body = gzip.decompress(base64.b64decode(event["awslogs"]["data"]))
    if json.loads(body).get("messageType") != "DATA_MESSAGE":
        return  # CloudWatch asks whether somebody listens
    request = urllib.request.Request(
        os.environ["FLUENT_BIT_URL"],
        data=body,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
