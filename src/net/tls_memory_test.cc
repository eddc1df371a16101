#include "net/tls_memory.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

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

TEST(TlsMemory, blocks_of_handshakes_stand_apart_from_those_that_stay) {
  ASSERT_TRUE(separated);
  std::vector<char*> held, stay;
  for (int i = 0; i < 2000; ++i) {
    held.push_back(static_cast<char*>(OPENSSL_malloc(3272)));
    stay.push_back(static_cast<char*>(OPENSSL_malloc(1000)));
    std::memset(held.back(), i & 0xff, 3272);
  }
  for (std::size_t i = 1; i < held.size(); ++i) {
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(held[i]) % 4096, 0u) << "pages of its own";
    ASSERT_EQ(static_cast<unsigned char>(held[i][3271]), i & 0xff);
  }
  for (char* one : held) OPENSSL_free(one);
  for (char* one : stay) OPENSSL_free(one);
  auto* grown = static_cast<char*>(OPENSSL_malloc(3000));
  std::memset(grown, 'x', 3000);
  grown = static_cast<char*>(OPENSSL_realloc(grown, 17'000));
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(grown[i], 'x');
  OPENSSL_free(grown);
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
