#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

struct LibDigest : ::testing::Test {
  testing::Library library{{digest_functions()}};
};

// Digests of "abc" (FIPS 180-4, FIPS 202); test case 2 of RFC 2202 §3 and RFC 4231 §4.3.
TEST_F(LibDigest, known_answers) {
  const std::pair<const char*, const char*> of_abc[] = {
      {"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {"sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
      {"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"sha512_256", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
      {"sha3_256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
      {"crc32", "352441c2"},
  };
  for (const auto& [name, wanted] : of_abc) {
    const std::string call = std::string("result(kumo.digest.") + name;
    EXPECT_EQ(library.answer(call + "('abc').hex)"), '"' + std::string(wanted) + '"') << name;
    EXPECT_EQ(library.answer(call + "('a', 'b', 'c').hex)"), '"' + std::string(wanted) + '"');
  }
  library.expect({
      {"local d = kumo.digest result(#d.sha384('').bytes, #d.sha512('').bytes, "
       "#d.sha3_384('').bytes, #d.sha3_512('').bytes)",
       "48 64 48 64"},
      {"result(kumo.digest.sha384('abc').hex:sub(1, 16), kumo.digest.sha512('abc').hex:sub(1, 16))",
       R"("cb00753f45a35e8b" "ddaf35a193617aba")"},
      {"result(tostring(kumo.digest.hmac_sha1({key_data = 'Jefe'}, 'what do ya want for "
       "nothing?')))",
       R"("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")"},
      {"result(kumo.digest.hmac_sha256({key_data = 'Jefe'}, 'what do ya ', 'want for "
       "nothing?').hex)",
       R"("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")"},
      {"local k, m = {key_data = 'Jefe'}, 'what do ya want for nothing?' local d = kumo.digest "
       "result(d.hmac_sha224(k, m).hex:sub(1, 8), d.hmac_sha384(k, m).hex:sub(1, 8), "
       "d.hmac_sha512(k, m).hex:sub(1, 8), #d.hmac_sha256({key_data = ''}, m).bytes)",
       R"("a30e0109" "af45d2e3" "164b7a7b" 32)"},
  });
}

TEST_F(LibDigest, is_shown_in_every_encoding) {
  library.expect({
      {"local d = kumo.digest.crc32 'abc' result(d.base32, d.base32_nopad, d.base32hex, "
       "d.base32hex_nopad)",
       R"("GUSEDQQ=" "GUSEDQQ" "6KI43GG=" "6KI43GG")"},
      {"local d = kumo.digest.sha1 'abc' result(d.base64, d.base64_nopad, d.base64url, "
       "d.base64url_nopad)",
       R"("qZk+NkcGgWq6PiVxeFDCbJzQ2J0=" "qZk+NkcGgWq6PiVxeFDCbJzQ2J0" )"
       R"("qZk-NkcGgWq6PiVxeFDCbJzQ2J0=" "qZk-NkcGgWq6PiVxeFDCbJzQ2J0")"},
      {"local d = kumo.digest result(d.sha1 'a' == d.sha1 'a', d.sha1 'a' == d.sha1 'b', "
       "d.sha1 'a' == d.sha1('a').hex)",
       "true false false"},
  });
}

TEST_F(LibDigest, other_values_count_as_json) {
  library.expect({
      {"local d = kumo.digest.sha256 result(d(1.5).hex == d('1.5').hex, d({b = 1, a = {1}}).hex == "
       "d('{\"a\":[1],\"b\":1}').hex, d(true, nil).hex == d('truenull').hex)",
       "true true true"},
      {"kumo.digest.hmac_sha256(1, 'x')",
       "error: policy.lua:1: key source: a file's name or a table expected"},
  });
}

TEST_F(LibDigest, texts_are_the_calls_memory) {
  const std::string large =
      "local s = ('x'):rep(8 << 20) local t = {} for i = 1, 60 do t[i] = s end ";
  EXPECT_EQ(library.answer(large + "kumo.digest.sha3_512(table.unpack(t))"),
            "error: policy.lua:1: stopped: it has used up its memory");
  EXPECT_EQ(library.answer("result(#kumo.digest.sha1(('x'):rep(8 << 20), 'x').hex)"), "40");
}

}  // namespace
}  // namespace postern::dialect::kumo
