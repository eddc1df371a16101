#include "dialect/kumo/library.h"

#include "base/rfc4648.h"

namespace postern::dialect::kumo {

using script::derive;
using script::HostFunction;

namespace {

constexpr Padding padded = Padding::with;
constexpr Padding unpadded = Padding::without;

template <Base base, Padding padding>
std::string encoded_in(std::string_view octets) {
  return encode(octets, base, padding);
}

template <Base base, Padding padding>
std::string decoded_from(std::string_view text) {
  return value_of(decode(text, base, padding));
}

constexpr HostFunction encode_rows[] = {
    {"kumo.encode.base32_encode", "octets: string", "string", "Base32 with padding.",
     derive<&encoded_in<Base::base32, padded>>},
    {"kumo.encode.base32_decode", "text: string", "string",
     "The octets of base32. As with all decoders here white space, other letters and wrong padding "
     "are errors, which say where.",
     derive<&decoded_from<Base::base32, padded>>},
    {"kumo.encode.base32_nopad_encode", "octets: string", "string", "Base32 without padding.",
     derive<&encoded_in<Base::base32, unpadded>>},
    {"kumo.encode.base32_nopad_decode", "text: string", "string",
     "The octets of base32 without padding.", derive<&decoded_from<Base::base32, unpadded>>},
    {"kumo.encode.base32hex_encode", "octets: string", "string",
     "Base32 with the alphabet 0-9 A-V, which keeps the order of what it encodes.",
     derive<&encoded_in<Base::base32hex, padded>>},
    {"kumo.encode.base32hex_decode", "text: string", "string",
     "The octets of base32 with the alphabet 0-9 A-V.",
     derive<&decoded_from<Base::base32hex, padded>>},
    {"kumo.encode.base32hex_nopad_encode", "octets: string", "string", "The same without padding.",
     derive<&encoded_in<Base::base32hex, unpadded>>},
    {"kumo.encode.base32hex_nopad_decode", "text: string", "string", "The same without padding.",
     derive<&decoded_from<Base::base32hex, unpadded>>},
    {"kumo.encode.base64_encode", "octets: string", "string", "Base64 with padding.",
     derive<&encoded_in<Base::base64, padded>>},
    {"kumo.encode.base64_decode", "text: string", "string", "The octets of base64.",
     derive<&decoded_from<Base::base64, padded>>},
    {"kumo.encode.base64_nopad_encode", "octets: string", "string", "Base64 without padding.",
     derive<&encoded_in<Base::base64, unpadded>>},
    {"kumo.encode.base64_nopad_decode", "text: string", "string",
     "The octets of base64 without padding.", derive<&decoded_from<Base::base64, unpadded>>},
    {"kumo.encode.base64url_encode", "octets: string", "string",
     "Base64 with `-` and `_` instead of `+` and `/`, fit for URLs and file names.",
     derive<&encoded_in<Base::base64url, padded>>},
    {"kumo.encode.base64url_decode", "text: string", "string",
     "The octets of base64 with `-` and `_`.", derive<&decoded_from<Base::base64url, padded>>},
    {"kumo.encode.base64url_nopad_encode", "octets: string", "string",
     "The same without padding, as in JSON Web Tokens.",
     derive<&encoded_in<Base::base64url, unpadded>>},
    {"kumo.encode.base64url_nopad_decode", "text: string", "string", "The same without padding.",
     derive<&decoded_from<Base::base64url, unpadded>>},
    {"kumo.encode.hex_encode", "octets: string", "string", "Two lower-case digits an octet.",
     derive<&encoded_in<Base::hex, unpadded>>},
    {"kumo.encode.hex_decode", "text: string", "string",
     "The octets of hexadecimal digits in either case.",
     derive<&decoded_from<Base::hex, unpadded>>},
};

}  // namespace

script::HostTable encode_functions() { return encode_rows; }

}  // namespace postern::dialect::kumo
