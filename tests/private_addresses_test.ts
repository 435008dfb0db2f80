import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isPrivateAddress, isPrivateHost } from "../lib/private_addresses.ts";

/** First and last of each block, and the public neighbours on both sides. */
const IPV4_BLOCKS: readonly (readonly [first: string, last: string, ...outside: string[]])[] = [
  ["0.0.0.0", "0.255.255.255", "1.0.0.0"],
  ["10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
  ["100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0", "100.128.0.1"],
  ["127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"],
  ["169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"],
  ["172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0", "172.32.0.1"],
  ["192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"],
  ["192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"],
  ["192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"],
  ["198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"],
  ["198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"],
  ["203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"],
  ["224.0.0.0", "239.255.255.255", "223.255.255.255"],
  ["240.0.0.0", "255.255.255.255"],
];

const PRIVATE_IPV6: readonly string[] = [
  "::",
  "::1",
  "0:0:0:0:0:0:0:1",
  "0000:0000:0000:0000:0000:0000:0000:0001",
  "::0001",
  "0::1",
  "::0.0.0.1",
  "fc00::",
  "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
  "FD00::1",
  "fe80::1",
  "fe80::1%eth0",
  "fe80::1%25eth0",
  "febf::1",
  "fec0::1",
  "ff02::1",
  "ffff::1",
  "::ffff:127.0.0.1",
  "::FFFF:7F00:1",
  "0:0:0:0:0:ffff:10.0.0.1",
  "::ffff:169.254.169.254%1",
  "::127.0.0.1",
  "::7f00:1",
  "::ffff:0:10.0.0.1",
  "64:ff9b::10.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b:1::1",
  "64:ff9b:1::8.8.8.8",
  "64:ff9b:0:0:0:1:808:808",
  "100::1",
  "2001::1",
  "2001:0:4136:e378:8000:63bf:3fff:fdd2",
  "2001:2::1",
  "2001:1ff:ffff::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "2002:a00:1::1",
  "2002:c0a8:0101::1",
  "3fff::1",
  "3fff:fff::1",
  "4000::1",
  "5f00::1",
];

const PUBLIC_IPV6: readonly string[] = [
  "2606:4700:4700::1111",
  "2001:4860:4860::8888",
  "2001:4860:4860:0:0:0:0:8888",
  "2001:200::1",
  "2001:db7::1",
  "2001:db9::1",
  "2000::1",
  "3fff:1000::1",
  "3ffe::1",
  "::ffff:8.8.8.8",
  "::ffff:808:808",
  "::8.8.8.8",
  "::ffff:0:8.8.8.8",
  "64:ff9b::8.8.8.8",
  "2002:808:808::1",
  "2606:4700::1%eth0",
];

const NO_ADDRESSES: readonly string[] = [
  "",
  "8.8.8",
  "8.8.8.8.8",
  "08.8.8.8",
  "8.8.8.256",
  "8.8.8.8 ",
  "0x8.8.8.8",
  "134744072",
  "example.com",
  ":",
  ":::",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "2606::4700::1",
  "2606:4700:1:2:3:4:5::6:7",
  "2606:47000::1",
  "2606:g::1",
  "8.8.8.8::1",
  "2606::8.8.8.8:1",
  "[2606:4700::1]",
  "%eth0",
];

describe("isPrivateAddress()", () => {
  it("knows both ends of each IPv4 block and its public neighbours", () => {
    for (const [first, last, ...outside] of IPV4_BLOCKS) {
      assert.equal(isPrivateAddress(first), true, first);
      assert.equal(isPrivateAddress(last), true, last);
      for (const one of outside) assert.equal(isPrivateAddress(one), false, one);
    }
  });

  it("judges the IPv4 address inside an IPv6 one", () => {
    for (const [first, last, ...outside] of IPV4_BLOCKS) {
      for (const prefix of ["::ffff:", "::", "64:ff9b::", "::ffff:0:"]) {
        assert.equal(isPrivateAddress(prefix + first), true, prefix + first);
        assert.equal(isPrivateAddress(prefix + last), true, prefix + last);
        for (const one of outside) assert.equal(isPrivateAddress(prefix + one), false, one);
      }
    }
  });

  it("knows private IPv6 addresses in every spelling", () => {
    for (const one of PRIVATE_IPV6) assert.equal(isPrivateAddress(one), true, one);
    for (const one of PUBLIC_IPV6) assert.equal(isPrivateAddress(one), false, one);
  });

  it("takes what is no address for private", () => {
    for (const one of NO_ADDRESSES) assert.equal(isPrivateAddress(one), true, one);
  });
});

describe("isPrivateHost()", () => {
  it("knows literals in every spelling that a URL takes", () => {
    for (
      const host of [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "0",
        "169.254.169.254",
        "１２７.0.0.1",
        "[::1]",
        "[0:0::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
      ]
    ) assert.equal(isPrivateHost(new URL(`http://${host}/`).hostname), true, host);
    for (const host of ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1]"]) {
      assert.equal(isPrivateHost(new URL(`http://${host}/`).hostname), false, host);
    }
  });

  it("knows the names that mean this machine or its network", () => {
    for (
      const host of [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "db.internal",
        "printer.local",
        "printer.local.",
      ]
    ) assert.equal(isPrivateHost(host), true, host);
    for (
      const host of [
        "example.com",
        "localhost.example.com",
        "notlocalhost",
        "internal",
        "local",
        "internal.example",
        "10.0.0.1.example.com",
        "fd00.example",
      ]
    ) assert.equal(isPrivateHost(host), false, host);
  });
});
