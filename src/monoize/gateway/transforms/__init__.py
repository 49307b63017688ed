"""What rules do to requests and answers on their way, in the common language of the protocols.

A transform is a module of its name. What it does to a request is its function `request`, or `fetched` if it has to
look something up; what it does to an answer is its class `Retold`; what it does to bodies as they are written, its
function `edited`. All are pure but `fetched`, and keep nothing from one request to the next.
"""
