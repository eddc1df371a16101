// kumo.uuid: RFC 9562.
#include <array>
#include <chrono>

#include <openssl/rand.h>

#include "base/rfc4648.h"
#include "base/text.h"
#include "dialect/kumo/library.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace json = boost::json;
using script::bind;
using script::Call;
using script::demand;
using script::HostFunction;

namespace {
struct Uuid {
  std::string octets;  ///< 16
};
}  // namespace

}  // namespace postern::dialect::kumo

template <>
struct postern::script::ClassName<postern::dialect::kumo::Uuid> {
  static constexpr std::string_view value = "Uuid";
};

namespace postern::dialect::kumo {

namespace {

using AUuid = std::shared_ptr<Uuid>;

std::string random_octets() {
  std::array<unsigned char, 16> octets{};
  demand(RAND_bytes(octets.data(), octets.size()) == 1, "no random numbers are available");
  return {octets.begin(), octets.end()};
}

AUuid with_version(std::string octets, unsigned version) {
  octets[6] = static_cast<char>((static_cast<unsigned char>(octets[6]) & 0x0f) | (version << 4));
  octets[8] = static_cast<char>((static_cast<unsigned char>(octets[8]) & 0x3f) | 0x80);
  return std::make_shared<Uuid>(Uuid{std::move(octets)});
}

std::string hyphenated(AUuid uuid) {
  std::string text = hex_encode(uuid->octets);
  for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, "-");
  return text;
}

AUuid parse(std::string_view text) {
  std::string_view rest = text;
  if (istarts_with(rest, "urn:uuid:")) rest.remove_prefix(9);
  if (rest.starts_with('{') && rest.ends_with('}')) rest = rest.substr(1, rest.size() - 2);
  const bool hyphens = rest.size() == 36;
  std::string digits;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool place = hyphens && (i == 8 || i == 13 || i == 18 || i == 23);
    if (!place) digits += rest[i];
    if (place && rest[i] != '-') digits += '?';
  }
  auto octets = decode(digits, Base::hex, Padding::without);
  demand(octets && octets->size() == 16, "`" + printable(text, 64) + "` is no UUID");
  return std::make_shared<Uuid>(Uuid{std::move(*octets)});
}

/// The result of `make`; during a replay, the recorded one.
template <class Make>
AUuid made_or_recorded(Call& call, std::string_view function, Make make) {
  const json::value text = call.told_by(
      function, [&]() -> json::value { return json::string(hyphenated(make())); },
      script::Source::facts);
  return parse(std::string_view(text.as_string()));
}

AUuid new_v4(Call& call) {
  return made_or_recorded(call, "new_v4", [] { return with_version(random_octets(), 4); });
}

/// RFC 9562 §5.1: the time in units of 100 ns since 1582-10-15, and a random node (§6.10). `sorts`
/// selects the layout of version 6 (§5.6).
std::string time_octets(bool sorts) {
  constexpr std::uint64_t ticks_until_1970 = 0x01b21dd213814000;
  using Ticks = std::chrono::duration<std::uint64_t, std::ratio<1, 10'000'000>>;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::uint64_t ticks = std::chrono::duration_cast<Ticks>(now).count() + ticks_until_1970;
  // 12 of the 60 bits share octets 6 and 7 with the version. In §5.6 the highest bits come first.
  const std::uint64_t ordered = sorts ? (ticks >> 12) << 16 | (ticks & 0xfff)
                                      : ticks << 32 | (ticks >> 32 & 0xffff) << 16 | ticks >> 48;
  std::string octets = random_octets();
  for (int i = 0; i < 8; ++i) octets[i] = static_cast<char>(ordered >> (56 - 8 * i));
  octets[10] = static_cast<char>(octets[10] | 1);
  return octets;
}

AUuid new_v1(Call& call) {
  return made_or_recorded(call, "new_v1", [] { return with_version(time_octets(false), 1); });
}
AUuid new_v6(Call& call) {
  return made_or_recorded(call, "new_v6", [] { return with_version(time_octets(true), 6); });
}

/// RFC 9562 §5.7: 48 bits of milliseconds first, so that values sort by time.
AUuid new_v7(Call& call) {
  return made_or_recorded(call, "new_v7", [] {
    std::string octets = random_octets();
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto milli = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    for (int i = 0; i < 6; ++i) octets[i] = static_cast<char>(milli >> (40 - 8 * i));
    return with_version(std::move(octets), 7);
  });
}

std::string uuid_octets(AUuid uuid) { return uuid->octets; }
std::string simple(AUuid uuid) { return hex_encode(uuid->octets); }
std::string braced(AUuid uuid) { return "{" + hyphenated(uuid) + "}"; }
std::string urn(AUuid uuid) { return "urn:uuid:" + hyphenated(uuid); }
bool same_uuid(AUuid a, std::variant<AUuid, std::monostate> b) {
  return b.index() == 0 && a->octets == std::get<0>(b)->octets;
}

constexpr HostFunction uuid_rows[] = {
    {"kumo.uuid.new_v1", "", "Uuid",
     "A UUID of the current time; a random number takes the place of the machine's address.",
     bind<&new_v1>},
    {"kumo.uuid.new_v4", "", "Uuid", "A random one.", bind<&new_v4>},
    {"kumo.uuid.new_v6", "", "Uuid", "The same as new_v1 in a form that sorts by time.",
     bind<&new_v6>},
    {"kumo.uuid.new_v7", "", "Uuid", "A UUID that sorts by the time of its creation.",
     bind<&new_v7>},
    {"kumo.uuid.parse", "text: string", "Uuid",
     "Parses any of the forms that a Uuid has, in either case.", bind<&parse>},
    {"Uuid.bytes", "", "string", "The 16 octets.", bind<&uuid_octets>},
    {"Uuid.hyphenated", "", "string", "As in `69994630-3e27-11ef-91fc-cc28aa0a5c5a`.",
     bind<&hyphenated>},
    {"Uuid.simple", "", "string", "The 32 digits.", bind<&simple>},
    {"Uuid.braced", "", "string", "With hyphens, in braces.", bind<&braced>},
    {"Uuid.urn", "", "string", "With hyphens, after `urn:uuid:`.", bind<&urn>},
    {"Uuid.__tostring", "", "string", "The same as `hyphenated`.", bind<&hyphenated>},
    {"Uuid.__eq", "other: any", "boolean", "Whether both are the same.", bind<&same_uuid>},
};

}  // namespace

script::HostTable uuid_functions() { return uuid_rows; }

}  // namespace postern::dialect::kumo
