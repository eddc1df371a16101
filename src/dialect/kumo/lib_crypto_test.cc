#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

TEST(LibCrypto, verifies_passwords_and_compares) {
  testing::Library library({crypto_functions()});
  library.expect({
      {"local h = '$2y$04$6pWeeeFkRs.zHb2yHs2Q2u30z3O4L9qoGQHWZNKjvXmG5ucWKQ18q' "
       "local v = kumo.crypto.verify_password "
       "result(v('s3cr3t', h), v('secret', h), v('x', 'not a hash'), v('x', nil), v('', ''))",
       "true false false false false"},
      {"local eq = kumo.crypto.constant_time_eq "
       "result(eq('a', 'a'), eq('a', 'ab'), eq('a', 'b'), eq('', ''))",
       "true false false true"},
      {"kumo.crypto.verify_password(nil, 'x')",
       "error: policy.lua:1: argument 1: string expected, got nil"},
  });
}

}  // namespace
}  // namespace postern::dialect::kumo
