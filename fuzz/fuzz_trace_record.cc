// Trace records: reading any file ends in a trace or an error; a trace that was read can be
// written, reads back unchanged, and can be replayed.
#include <boost/json.hpp>

#include "invariant.h"
#include "policy/record.h"
#include "policy/testing.h"
#include "policy/trace.h"
#include "replay/rederive.h"

namespace {

using namespace postern;
using fuzz::must;

constexpr const char* engine =
    R"([{"layer":"webhook","mode":"enforce","definition":{"recipients":100}},)"
    R"({"layer":"gateway","mode":"shadow","definition":)"
    R"({"received_fields":100,"header_size":1000,"header_fields":10}}])";
constexpr const char* fields =
    R"({"name":"p","allowed_source_ips":["203.0.113.0/24"],"require_smtp_auth":true,)"
    R"("require_spf":false,"allowed_spf_domains":[],"require_dkim":false,"allowed_dkim_domains":[]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto source =
      replay::definition_source([](const std::string& id, std::uint64_t) -> Result<std::string> {
        return std::string(id == "engine" ? engine : fields);
      });
  (void)replay::engine_from(text);
  const auto trace = policy::read_record(text, source);
  if (!trace) return 0;
  const std::string written = policy::write_record(*trace);
  const auto again = policy::read_record(written, source);
  must(again && policy::write_record(*again) == written, "a record reads back");
  auto parsed = boost::json::parse(written).as_object();
  policy::hide_other_accounts(parsed, "acc_1");
  (void)policy::testing::run(replay::rederive(*trace));
  return 0;
}
