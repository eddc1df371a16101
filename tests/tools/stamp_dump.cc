// stamp_dump DOMAIN RECORDS < MESSAGE: the message as it is spooled for the next hop, signed for
// DOMAIN with two fresh keys, whose TXT records go into the file RECORDS as `name value`. For
// tests/system/signatures.py.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "deliver/stamp.h"
#include "policy/dkim_keyring.h"

int main(int argc, char** argv) {
  using namespace postern;
  namespace dkim = mailauth::dkim;
  if (argc != 3) {
    fmt::print(stderr, "usage: stamp_dump DOMAIN RECORDS < MESSAGE\n");
    return 2;
  }
  const std::string message(std::istreambuf_iterator<char>(std::cin), {});

  const std::string domain = argv[1];
  std::vector<policy::DkimSigner::Pem> pems;
  std::ofstream records(argv[2]);
  const auto add = [&](const std::string& selector, const dkim::SigningKey& key) {
    pems.push_back({selector, key.private_pem()});
    records << selector << "._domainkey." << domain << " " << key.public_record() << std::endl;
  };
  add("rsa", dkim::SigningKey::generate_rsa().value());
  add("ed", dkim::SigningKey::generate_ed25519().value());
  policy::DkimKeyring keyring;
  keyring.put(std::make_shared<policy::DkimSigner>(domain, "acc_1", std::move(pems)));

  policy::Evidence evidence;
  evidence.session.client_ip = IpAddress::v4(0xC0000219);
  evidence.session.helo = "client.example";
  evidence.session.esmtp = true;
  evidence.reverse_path = mail::Mailbox{"sender", "client.example"};
  Result<spool::Body> body = deliver::stamped(evidence, message,
                                              {.hostname = "mx.example.org",
                                               .authserv_id = "mx.example.org",
                                               .id = "01JD0000000000000000000000",
                                               .time = std::chrono::system_clock::now(),
                                               .directory = "/tmp",
                                               .trusted_client = true,
                                               .keys = &keyring});
  const auto octets = body ? body->view() : tl::unexpected(body.error());
  if (!octets) {
    fmt::print(stderr, "{}\n", octets.error().message);
    return 1;
  }
  std::fwrite(octets->data(), 1, octets->size(), stdout);
  return 0;
}
