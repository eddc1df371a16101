#include "dialect/kumo/library.h"

#include "dialect/kumo/lib_test.h"

namespace postern::dialect::kumo {
namespace {

TEST(LibEncode, every_encoding_has_its_two_directions) {
  testing::Library library({encode_functions()});
  library.expect({
      {"local e = kumo.encode result(e.base64_encode 'hi?>', e.base64_nopad_encode 'hi?>', "
       "e.base64url_encode 'hi?>', e.base64url_nopad_encode 'hi?>')",
       R"("aGk/Pg==" "aGk/Pg" "aGk_Pg==" "aGk_Pg")"},
      {"local e = kumo.encode result(e.base32_encode 'foo', e.base32_nopad_encode 'foo', "
       "e.base32hex_encode 'foo', e.base32hex_nopad_encode 'foo', e.hex_encode 'AZ')",
       R"("MZXW6===" "MZXW6" "CPNMU===" "CPNMU" "415a")"},
      {"local e = kumo.encode result(e.base32_decode 'MZXW6===', e.base32_nopad_decode 'MZXW6', "
       "e.base32hex_decode 'CPNMU===', e.base32hex_nopad_decode 'CPNMU', e.hex_decode '415A')",
       R"("foo" "foo" "foo" "foo" "AZ")"},
      {"local e = kumo.encode result(e.base64_decode 'aGk/Pg==', e.base64_nopad_decode 'aGk/Pg', "
       "e.base64url_decode 'aGk_Pg==', e.base64url_nopad_decode 'aGk_Pg')",
       R"("hi?>" "hi?>" "hi?>" "hi?>")"},
      {"kumo.encode.base64_decode 'aG k'",
       "error: policy.lua:1: at octet 3: no letter of the alphabet"},
      {"kumo.encode.base64_decode()",
       "error: policy.lua:1: argument 1: string expected, got no value"},
  });
}

}  // namespace
}  // namespace postern::dialect::kumo
