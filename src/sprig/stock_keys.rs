//! Two throw-away keys, for `genPrivateKey "rsa"` and `"dsa"`.
//!
//! **They are public and protect nothing.** A rendered chart is only searched for references and is never installed, so a
//! key in it needs the right shape and nothing else. Making real ones would take seconds, and for RSA a library with an
//! open advisory (RUSTSEC-2023-0071). Base64 of the DER, without the PEM frame, so that nobody takes them for leaked ones.

/// PKCS #1, 2048 bits (RFC 8017, appendix A.1.2).
pub(super) const RSA: &str = "\
    MIIEowIBAAKCAQEAw7YTr88D2bohruNIK19waLgvvh9uMO30hm+ygJQW/R0gGaKe\
    V7OFD8c27F6qSKFw9K/Th8CfrK9Ol8Jir8YFyCj2ZsqtOZ44NEektcWgKc8TY4Je\
    MfNv9i0N90DeK+aaY7nbN/U3nuU4/aJ+fHU0uuHS2Upgwqm1jnFTVr6fdG8fh70v\
    haWzGfZSD+XKWLxKzMOZ1N0nNxIJGkBQHayA7P724fiHL39ZsaiMpG4SiARtO8/4\
    /TaViJBC6b5WyMMV6ORJ8TtXIDHkwB7DMMbgBkT7Nm+7ihs+bdjk1uldegKEjEgI\
    lR8oTBzPNVaTdDR4iR+xXfffrvHacNEBb1ZRLwIDAQABAoIBAAgc4JtwyyArHi4h\
    pgJSRJa6tK2LbP+icl8uR/aBID2iB7+4S4F0MIeTNc+9+HR/tYh9gpj47BJclAP1\
    Ei7NWFXQFa+OJqvurWkq/R6h3Urn/Od3mU/PX3lGrD9vIdnGoRv4Mah6ReUUa6ff\
    JNVXU6lZjVCyy7VvrO+4lLO4V2QCpc7m9TeBq49PSwq6ONlVP2xcm4EJe51Q8fVR\
    I3a26CeVu/Y5CN2wDBeHp4ow0omnMuz4GWDIG0BkOly1mSqWoCRvFLJKYOWhEud+\
    rgFhr2Eh62UAvVRJCgHa0/iWc/HNdnqjNF2K0Gay6j7DDRjQqCqyiGl8G+7AJuqN\
    PTl/PtkCgYEA9ObIrDSeaCY31Hd2IphFAmyQchz1UugOcqQOy7iEySkLBAClWKuW\
    uHc+4RTa89Mae1rWPRaHSelKwhN0uq9/RWOrE7/yQGMC6h/1KFqcmT183EZsCBx+\
    RnLRtpAZl6H9GNVNZuiHFI9/w/mly1UgBjr3YTQCPuM1ANiywZQA/5kCgYEAzJSd\
    KuSAtFVpGiaILTnplK8WgwjOEiTNSMVgeYtGVjLMji2zRWbwyGSkpx5GEr3Vi62F\
    xIZwCzSTFrzeExPFnb4b8Lyg8UWKOH3rjZTwTJsu1y/txSQ1naGsiV6COe6xVHLo\
    SzFvTunJZ3XNww4Oduh7MHQDr5WrOOjVAVIudAcCgYBw5cM0v70WvieWpsuq/w8x\
    IuMj9/2QDrI6Xy8C8zkjkuwlGDchPVjqCO7PzFFzfaoDm8iPuMb9Z7Ky7U0ukqDV\
    WDERlbcTv5EkZT8bL0ppylK5KS28P4Zm65+Jzbw+jsqinBJmkmNTMyPvMDMiHUf6\
    F0zbXqJ6YzuX/E3Lt3MOYQKBgDruyMO1ZXoNbKRy2yGkICyLr4F5xNsnLNe8vAjn\
    XRCxu4ltksn4WH5xt5jIuMjnVJ/TEcjGLXqc345aQ+Lc/D1vqV7VB8vZC3Mwmu2D\
    LSH0Ri8JCIaU4rkQ/MHprrv/jafVHiOjDvx9jl42alq5LuOEHxCbKwCmrddMAyhJ\
    Q0Z7AoGBAI4adsj5FiJLOqedlaK7L0LO1+2FY1jOgBCbStNlqWrpD5Lxsvk4A8vZ\
    yZdY7pOT+znZbOUKBN4VpQsz9nhUuUqc7kfYxsqrpZj/yuLHA8eu0UmtvXSvNxHs\
    msOeUsek7ywWdW39DU8ftCYONkNFJi29mR23UEYL+UKQtZXep0/c";

/// As OpenSSL writes them: version, p, q, g, y, x.
pub(super) const DSA: &str = "\
    MIIDVwIBAAKCAQEAuDRpG4ThCUKW49fOzk1vtp2qHydB9FtCN+VGcVUTsDzibea+\
    UlJoiaWxQooTFIt7jX+YhkZ/FduHxXCkRBzgsvjpI0JKGYRQYn9817se3iUcQPUz\
    DNLFznIhVX85tR/ebsQPODddb0QbBMN5NSIc0v9G4vacAraqJz4OMx2rB1mKm1pZ\
    6rZJ4IaduEWW88LXmyrZQw3d34fKdtXZI/vj0pBJNT+8fZCamh4drUtL2xszgsh6\
    DkE7MikzJG5G+MU8fCfWH+2gtPIzG4+vSAaP2bN8slIJgrTzXze+XuMARS9pTCgF\
    rRn79yckiCzR9dYvKOJmBnfcVXVd6mvUIsTAJwIhAOlznWJG1GHchsr2iiy1KQ4V\
    iFOH5XUh9gBoGVkEP/nTAoIBAQCzegy7zIxkzU7Olgm+mYSx/G4OShuNAxpbJIU/\
    P2IHsIMhNZm0cNZaCChr+gkNheXaEFdOIxTngeAW614meR6v3YuKsKOmZhkLEGLk\
    GUj2XYT5OL+a8AGVf0jiGtuq0l5rU8fVgrSSrlh9RlCG4KVMyg3w4L+nUC6D454N\
    dIPMUU46M4QwRlQFGJFbf/A0bB3NIBVrEi34cMC+fUMjnXfjhQst0qMWyhqlw2Nn\
    WZIfSeHmkwiGDDTkcn5XRfjq/HsddXLHPPJJZ4ox+SoKfI8iDd8O2n/1MLOV3UkN\
    z1abR7ZObWtvldcYCIqkmaSEIlErzKC1IpKO5pxI9pq1N2seAoIBADbdxD/6kTQn\
    aEsjjQ5NGiv1AhBPB9h+fr4ozG3GoOfbMMldlb5Wdy3bKNR4VNP0iJbrw5XsUdxR\
    gaq0N21lqGxosWnk6twwNru2qqc0aDpuebOXA+hgS2gL2jK2Kw9u1qGC6lAMOiZK\
    hwoh5T/acTG8+XckhSlS3r1GS7vtMiKDPWRsZiJTktiqSne7dTJzXiMLxctY9uHJ\
    x9jEHT403ITI7JdTwlxVk34mSU8Unpc+80yCSuFZPVcDnq46bwN0n2BNiP4qRjWC\
    B6hhrtv+4TQq9tFPt9PTDLdoIMIiqS+eT3rWxNj0xpQFQ+p60Np4lJpQ29GfgCjj\
    HGQKPePFhdoCIQDmVNF8ExQR0HfNk88lSK+N4z0+eZ9po1mY4bbQqNN6CA==";
