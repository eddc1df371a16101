#include "net/tls_memory.h"

#include <cstring>
#include <set>

#include <gtest/gtest.h>
#include <openssl/crypto.h>

namespace postern::net {
namespace {

/// Before main(), when OpenSSL has not run yet.
const bool separated = separate_tls_buffers();

TEST(TlsMemory, buffers_keep_their_octets_and_are_used_again) {
  ASSERT_TRUE(separated);
  std::set<void*> first;
  std::vector<void*> held;
  for (int i = 0; i < 1000; ++i) {
    void* buffer = OPENSSL_malloc(16'704);
    ASSERT_NE(buffer, nullptr);
    std::memset(buffer, i & 0xff, 16'704);
    ASSERT_TRUE(first.insert(buffer).second);
    held.push_back(buffer);
  }
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(static_cast<unsigned char*>(held[i])[16'703], i & 0xff);
    OPENSSL_free(held[i]);
  }
  void* again = OPENSSL_malloc(16'704);
  EXPECT_TRUE(first.contains(again));
  OPENSSL_free(again);
}

TEST(TlsMemory, a_buffer_that_outgrows_its_slot_moves_with_its_octets) {
  ASSERT_TRUE(separated);
  auto* buffer = static_cast<char*>(OPENSSL_malloc(17'000));
  std::memset(buffer, 'x', 17'000);
  buffer = static_cast<char*>(OPENSSL_realloc(buffer, 18'000));
  buffer = static_cast<char*>(OPENSSL_realloc(buffer, 100'000));
  for (int i = 0; i < 17'000; ++i) ASSERT_EQ(buffer[i], 'x');
  OPENSSL_free(buffer);
  EXPECT_EQ(OPENSSL_realloc(nullptr, 0), nullptr);
}

}  // namespace
}  // namespace postern::net
