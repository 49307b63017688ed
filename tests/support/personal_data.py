"""Values of all kinds, and texts that are made of them."""

from hypothesis import strategies as st

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc def\n-----END RSA PRIVATE KEY-----"
FOUND = {
    "email": ["john.doe+x@mail.example.co.uk", "info@müller.de", "a@b.io"],
    "phone": ["+49 (0)30 1234567", "+1-202-555-0143", "(202) 555-0143", "202-555-0143", "030 12345678"],
    "card": ["4111 1111 1111 1111", "378282246310005", "3782 822463 10005", "5555-5555-5555-4444"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
    "national_id": [
        "123-45-6789",
        "529.982.247-25",
        "44051401359",
        "12345678Z",
        "X1234567L",
        "RSSMRA85T10A562S",
        "86095742719",
        "2 55 08 14 168 025 38",
        "131052-308T",
        "756.9217.0769.85",
        "811228-9874",
        "11010519491231002X",
        "2341 2341 2346",
        "AB123456C",
        "130 692 544",
    ],
    "ip": ["8.8.8.8", "2001:4860:4860::8888", "2a00:1450:4001:82a:0:0:0:200e"],
    "secret": [
        "sk-ant-api03-abcdefghijklmnopqrstuvwx",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        KEY,
    ],
    "name": ["Anna Schmidt", "John von Neumann", "Maria García"],
    "address": [
        "123 Main Street, Springfield, IL 62701",
        "10 Downing Street, London SW1A 2AA",
        "Hauptstraße 12, 10115 Berlin",
        "12 rue de la Paix, 75002 Paris",
        "P.O. Box 1234",
    ],
}
SAID = [
    ("secret", "password: hunter2x", "hunter2x"),
    ("secret", '{"api_key": "a8f5f167f44f4964e6c998dee827110c"}', "a8f5f167f44f4964e6c998dee827110c"),
    ("secret", "postgres://bob:s3cr3t@db/x", "s3cr3t"),
    ("secret", "Authorization: Bearer abcdef0123456789xyzq", "abcdef0123456789xyzq"),
    ("secret", "my password is hunter2!", "hunter2!"),
    ("phone", "tel: 5551234567", "5551234567"),
    ("phone", "call me at 555 1234", "555 1234"),
    ("name", "Mr. O'Neil", "O'Neil"),
    ("name", "my name is Xanthippe Quill.", "Xanthippe Quill"),
]
"""(kind, a text, what is found in it only since a word stands beside it)"""

NEAR = [
    "4111 1111 1111 1112",  # another check digit
    "DE89 3704 0044 0532 0130 01",
    "529.982.247-26",
    "550e8400-e29b-41d4-a716-446655440000",
    "2024-01-02 03:04:05",
    "01.02.2024 12:30",
    "v1.2.3.4 and 1.2.3.4.5",
    "std::vector<int> a::b",
    "git@github.com:me/it.git",
    "token = count_tokens(body)",
    "password: <your password>",
    "api_key=os.environ['KEY']",
    "the password is required",
    "Dear Customer",
    "12 monkeys",
    "127.0.0.1",
]
"""What is nobody's, and looks like it."""

WORDS = [
    "and ",
    "it is ",
    "surname is ",
    "number ",
    "called ",
    "de la ",
    "\n",
    " ",
    "  ",
    "\t",
    ", ",
    ". ",
    ":",
    "=",
    "。",
    '"',
]
WORDS += [
    "password ",
    "name ",
    "Main ",
    "Street ",
    "John ",
    "12 ",
    "-",
    "@",
    "x",
    "-----BEGIN PRIVATE KEY-----\n",
    "a' b ",
]
VALUES = [value for values in FOUND.values() for value in values]

TEXTS = st.lists(st.sampled_from([*WORDS, *VALUES, *NEAR, *(text for _, text, _ in SAID)]), max_size=7).map("".join)
