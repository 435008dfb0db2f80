/**
 * Keys made by OpenSSL 3, for tests only. `ecparam -name NAME -genkey` made the SEC 1 files,
 * `pkcs8 -topk8 -nocrypt` the PKCS#8 ones, `ec -pubout` the SPKI ones; `ec -no_public` left the public
 * half out, `-conv_form compressed` compressed it, `-param_enc explicit` spelled the curve out.
 * The thumbprints were computed apart from this project, with Python's hashlib.
 *
 * @module
 */

/** The first key pair as numbers, with its RFC 7638 thumbprint. */
export const P256: {
  readonly x: string;
  readonly y: string;
  readonly d: string;
  readonly kid: string;
} = {
  x: "0X4VTQnSCDxSp7gHwjxvm2zu1edzM0LJ_L_GdcaH4Vo",
  y: "pmKvc2WA7anmFvXYxz4vezWeX0g6POez4WeGo_ndXq8",
  d: "Tzxp0qP-shelYw-vqJxnH-C6fX4lybpFObLDSs1XPP8",
  kid: "8p5hyy5LllXZbPLD-kisMOtQeZSqGi3mGP75pSOFfqI",
};

/** Thumbprint of `otherSec1` and `otherSpki`. */
export const OTHER_KID: string = "_Nc7dsrHeXKuGHY5HE7Ptqt-j1S_qX78gTsq36xgDg8";

/** The files, by what is in them. */
export const PEM = {
  /** P-256, SEC 1 with the block of parameters before it. */
  sec1: `-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIE88adKj/rIXpWMPr6icZx/gun1+Jcm6RTmyw0rNVzz/oAoGCCqGSM49
AwEHoUQDQgAE0X4VTQnSCDxSp7gHwjxvm2zu1edzM0LJ/L/GdcaH4VqmYq9zZYDt
qeYW9djHPi97NZ5fSDo857PhZ4aj+d1erw==
-----END EC PRIVATE KEY-----
`,
  /** The same without its public half. */
  sec1NoPublic: `-----BEGIN EC PRIVATE KEY-----
MDECAQEEIE88adKj/rIXpWMPr6icZx/gun1+Jcm6RTmyw0rNVzz/oAoGCCqGSM49
AwEH
-----END EC PRIVATE KEY-----
`,
  /** The same as PKCS#8. */
  pkcs8: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTzxp0qP+shelYw+v
qJxnH+C6fX4lybpFObLDSs1XPP+hRANCAATRfhVNCdIIPFKnuAfCPG+bbO7V53Mz
Qsn8v8Z1xofhWqZir3NlgO2p5hb12Mc+L3s1nl9IOjzns+FnhqP53V6v
-----END PRIVATE KEY-----
`,
  /** The same as PKCS#8 without its public half. */
  pkcs8NoPublic: `-----BEGIN PRIVATE KEY-----
MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCBPPGnSo/6yF6VjD6+o
nGcf4Lp9fiXJukU5ssNKzVc8/w==
-----END PRIVATE KEY-----
`,
  /** Its public half. */
  spki: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0X4VTQnSCDxSp7gHwjxvm2zu1edz
M0LJ/L/GdcaH4VqmYq9zZYDtqeYW9djHPi97NZ5fSDo857PhZ4aj+d1erw==
-----END PUBLIC KEY-----
`,
  /** Its public half, the point compressed. */
  spkiCompressed: `-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAD0X4VTQnSCDxSp7gHwjxvm2zu1edz
M0LJ/L/GdcaH4Vo=
-----END PUBLIC KEY-----
`,
  /** The same, encrypted in the way of old. */
  sec1Encrypted: `-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,1356B2534E7A857C1D5C15DC4E8C4A60

XOOiceq2wz8ve/pW/PYzl9pC+2EUTzuXoADYVIyP+I1UZ8J6Rnw6U2LHoIPo9Dtl
kBfpzErbFrJqiOpXJBW9V2l9ycmrcE7l9a2XfY6BgHNFlR4LEx0IrZJwX1aI3CeY
v2RMFLy6G8mSGfwYKCOffLlaIT5VkZ+1MsdnCQ5+DNs=
-----END EC PRIVATE KEY-----
`,
  /** The same, encrypted. */
  pkcs8Encrypted: `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj9lqpDf9y1hwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEL9Fhp4HOUyTvuaBZI9eE3sEgZAU
9aPxW256OnS/2Wtr+bo9eCpsjOlcMotSxJI6e8x/x2TGKsRxASqnZslNWkvmv++j
IL3QUwsAKqeFUa52AMglWGzVVwltI12MCCxkbdy/XNjlHY5P8Fyxy9jWfCL+mU2p
a2UdEjEx5UqZYqa4DKtz1qCkMDEL7DRWjjWGx6VcS5f6p8InLM8plzNmkiqOYNQ=
-----END ENCRYPTED PRIVATE KEY-----
`,
  secp256k1Sec1: `-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIEoRoVSioIBNGzuvZurvbq+odszMxHYTygJosqgElrJQoAcGBSuBBAAK
oUQDQgAEbEXc6nkcPo3Cqk5F26CafZ12WnZ+Y3BjDU8ssRSyGCajog+sV+6RFZk8
ug+mV5jDqXQE1aS7ji9IRLMFI4zLIw==
-----END EC PRIVATE KEY-----
`,
  secp256k1Pkcs8: `-----BEGIN PRIVATE KEY-----
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgShGhVKKggE0bO69m6u9u
r6h2zMzEdhPKAmiyqASWslChRANCAARsRdzqeRw+jcKqTkXboJp9nXZadn5jcGMN
TyyxFLIYJqOiD6xX7pEVmTy6D6ZXmMOpdATVpLuOL0hEswUjjMsj
-----END PRIVATE KEY-----
`,
  secp256k1Spki: `-----BEGIN PUBLIC KEY-----
MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEbEXc6nkcPo3Cqk5F26CafZ12WnZ+Y3Bj
DU8ssRSyGCajog+sV+6RFZk8ug+mV5jDqXQE1aS7ji9IRLMFI4zLIw==
-----END PUBLIC KEY-----
`,
  secp384r1Sec1: `-----BEGIN EC PRIVATE KEY-----
MIGkAgEBBDDy00gxqCPJJJpUQ3SLSm1NF2NBS8PIdcm2CHojlOtD7Q7xsdgjQzxx
pvtSL3PnsGqgBwYFK4EEACKhZANiAAQ6kzdMoZ+fYtcByCqeTjJQM+rVjzKQGxIe
BBgHlcZuXP3Lmj5zzjYBSPfO0opjcYTz47HF2Kzm5s8PuE4FmGDjjZNCFZc3CwM0
Mekocxh83x6HIV4mhWq5vmfVnl/iTKA=
-----END EC PRIVATE KEY-----
`,
  secp384r1Pkcs8: `-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDy00gxqCPJJJpUQ3SL
Sm1NF2NBS8PIdcm2CHojlOtD7Q7xsdgjQzxxpvtSL3PnsGqhZANiAAQ6kzdMoZ+f
YtcByCqeTjJQM+rVjzKQGxIeBBgHlcZuXP3Lmj5zzjYBSPfO0opjcYTz47HF2Kzm
5s8PuE4FmGDjjZNCFZc3CwM0Mekocxh83x6HIV4mhWq5vmfVnl/iTKA=
-----END PRIVATE KEY-----
`,
  secp384r1Spki: `-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEOpM3TKGfn2LXAcgqnk4yUDPq1Y8ykBsS
HgQYB5XGblz9y5o+c842AUj3ztKKY3GE8+Oxxdis5ubPD7hOBZhg442TQhWXNwsD
NDHpKHMYfN8ehyFeJoVqub5n1Z5f4kyg
-----END PUBLIC KEY-----
`,
  explicitSec1: `-----BEGIN EC PRIVATE KEY-----
MIIBaAIBAQQggTtq53zWYIeqIuSqEVEg/ecswVMOXDpHgcuYLuVGoSOggfowgfcC
AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////
MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr
vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE
axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W
K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8
YyVRAgEBoUQDQgAErv/RPOpxQ/Hi06Yg5UEtRwQCka1hSqhzQbn8KYdihC2e42g+
elvXLXxgXgHTjhu9dBzYQCtV+VT7+Z1+2sZqcA==
-----END EC PRIVATE KEY-----
`,
  explicitPkcs8: `-----BEGIN PRIVATE KEY-----
MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB
AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA
///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV
AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg
9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A
AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQggTtq53zWYIeq
IuSqEVEg/ecswVMOXDpHgcuYLuVGoSOhRANCAASu/9E86nFD8eLTpiDlQS1HBAKR
rWFKqHNBufwph2KELZ7jaD56W9ctfGBeAdOOG710HNhAK1X5VPv5nX7axmpw
-----END PRIVATE KEY-----
`,
  ed25519Pkcs8: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAqg8CKZSSC1h7Tz7P7ASUAxkNTRKDnuN/FzgfMkO91e
-----END PRIVATE KEY-----
`,
  ed25519Spki: `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA1ZG3s5e6k89ix8dF0NdiQNfJuE7tvQ43gT6SUOrL2GU=
-----END PUBLIC KEY-----
`,
  rsaSpki: `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4LPwmghZED1iF+7IqECE
Q6OlThOynHA5Ny3UNgNgdk0LSHLYUTVV4q/OtfD4RUXxxoOwklXEmIqOtC9VHfl5
OdVYod84zdZXx53keKg21nkpikAdNloQUclMFKc+WUMyJOqAn2fxPEl/BXOK3Upv
X6QRjG0dvgxuwCxo1tBVE0kcAZA2EK5wtfTwdJaDSjkPbYGBmnY7Uh3q6v61kYn1
y+iSBwxLkE60/05L1MAuNPts+ZBAu2ImkdJJATW69kVev+DExb0OxH1fXtqM0sc9
9F9s46IDfy0OX55TEAfoqieXNNZ2KCNfc7AgiVpPLdGjZhtMzQfqfvzP0CcWuKi1
UwIDAQAB
-----END PUBLIC KEY-----
`,
  /** A certificate of it. */
  certificate: `-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIUDYYrS5WRaVz45ZOOoAAxQs8wHgUwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBeDAeFw0yNjExMjEwODEyMjFaFw0yNjExMjIwODEyMjFaMAwx
CjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATRfhVNCdIIPFKn
uAfCPG+bbO7V53MzQsn8v8Z1xofhWqZir3NlgO2p5hb12Mc+L3s1nl9IOjzns+Fn
hqP53V6vo1MwUTAdBgNVHQ4EFgQU2kiNga6Gem+aLfA9AAEMk6vlGmswHwYDVR0j
BBgwFoAU2kiNga6Gem+aLfA9AAEMk6vlGmswDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiEA2Cr5+lpskACkIPWFOyfoqSY/G7B3CSARF4SKu/o2DK8C
IEA3lwoMYnr/E0U2yBS1nDkPvSo250FyGjuKsZMQeOw7
-----END CERTIFICATE-----
`,
  /** A second key on P-256. */
  otherSec1: `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIJ3hbDwhPLwBsShmlYLAYrrj8kaFeEV2AsXTCRwPyxFUoAoGCCqGSM49
AwEHoUQDQgAETLQMMSqwMivWTq/+Yt4qhqUemKriB5oqtvGvdftATs3BTtUljhcp
gS9HIcWitCRQ5C1t4e9RjV1E9OJHl7EquA==
-----END EC PRIVATE KEY-----
`,
  /** Its public half. */
  otherSpki: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETLQMMSqwMivWTq/+Yt4qhqUemKri
B5oqtvGvdftATs3BTtUljhcpgS9HIcWitCRQ5C1t4e9RjV1E9OJHl7EquA==
-----END PUBLIC KEY-----
`,
} as const;
