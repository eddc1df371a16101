#include "policy/dkim_keyring.h"

#include <thread>

#include <gtest/gtest.h>

namespace postern::policy {
namespace {

std::shared_ptr<const DkimSigner> signer(const std::string& domain) {
  return std::make_shared<DkimSigner>(domain, "acc_1", std::vector<DkimSigner::Pem>());
}
std::string who(const DkimKeyring& keyring, std::string_view author) {
  const auto found = keyring.signer_for(author);
  return found ? found->domain() : "";
}

TEST(DkimKeyring, finds_the_domain_or_the_nearest_above_it) {
  DkimKeyring keyring;
  for (const char* domain : {"example.com", "mail.example.com", "com", "example.co.uk"}) {
    keyring.put(signer(domain));
  }
  const std::pair<const char*, const char*> cases[] = {
      {"example.com", "example.com"},
      {"mail.example.com", "mail.example.com"},
      {"a.b.mail.example.com", "mail.example.com"},
      {"www.example.com", "example.com"},
      {"notexample.com", ""},  // com itself is above an organizational domain
      {"com", "com"},
      {"example.net", ""},
      {"a.example.co.uk", "example.co.uk"},
      {"co.uk", ""},
      {"", ""},
  };
  for (const auto& [author, domain] : cases) EXPECT_EQ(who(keyring, author), domain) << author;
}

TEST(DkimSigner, parses_its_keys_once_for_all_threads) {
  const auto rsa = *mailauth::dkim::SigningKey::generate_rsa(1024);
  const auto ed25519 = *mailauth::dkim::SigningKey::generate_ed25519();
  const DkimSigner signer("example.com", "acc_1",
                          {{"r", rsa.private_pem()}, {"e", ed25519.private_pem()}});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto& keys = signer.keys();
      ASSERT_TRUE(keys);
      EXPECT_EQ(&keys, &signer.keys());
      EXPECT_EQ(keys->at(0).key.public_record(), rsa.public_record());
      EXPECT_EQ(keys->at(1).selector, "e");
      keys->at(0).key.sign(mailauth::dkim::sha256("x"));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(DkimKeyring, an_edit_counts_at_once_and_what_is_in_use_stays) {
  DkimKeyring keyring;
  keyring.put(signer("example.com"));
  const auto held = keyring.signer_for("example.com");
  keyring.put(signer("example.com"));
  EXPECT_NE(keyring.signer_for("example.com"), held);
  EXPECT_EQ(keyring.size(), 1u);
  keyring.remove("example.com");
  keyring.remove("example.com");
  EXPECT_EQ(keyring.signer_for("example.com"), nullptr);
  EXPECT_EQ(held->domain(), "example.com");
}

TEST(DkimKeyring, is_read_while_it_changes) {
  DkimKeyring keyring;
  keyring.put(signer("example.com"));
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (int n = 0; n < 20000; ++n) EXPECT_EQ(who(keyring, "a.example.com"), "example.com");
    });
  }
  for (int n = 0; n < 2000; ++n) {
    keyring.put(signer("example.com"));
    keyring.put(signer("x" + std::to_string(n) + ".example"));
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(keyring.size(), 2001u);
}

}  // namespace
}  // namespace postern::policy
