// Messages of name servers (net/dns_records.h), which anyone on the network path can forge. The
// first octet chooses the question.
#include <array>
#include <cstdint>
#include <string_view>

#include "invariant.h"
#include "net/dns_records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::dns::Status;
  using postern::dns::Type;
  using postern::fuzz::must;
  if (size == 0) return 0;
  constexpr std::array types{Type::a,   Type::aaaa, Type::mx,   Type::txt,
                             Type::ptr, Type::tlsa, Type::cname};
  const Type type = types[data[0] % types.size()];
  const std::string_view packet(reinterpret_cast<const char*>(data + 1), size - 1);
  const postern::dns::Answer answer =
      postern::net::answer_of(packet, {.name = "a.example", .type = type});
  must(answer.records.empty() || answer.status == Status::found, "records of an answer");
  must(answer.status != Status::found || !answer.records.empty(), "found is something");
  must(!answer.secure || !answer.trouble(), "trouble proves nothing");
  return 0;
}
