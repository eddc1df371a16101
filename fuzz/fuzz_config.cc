// The configuration file: any octets give a Config or diagnostics, and both can be shown.
#include <cstdint>
#include <string_view>

#include "config/config.h"
#include "invariant.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::app;
  using postern::fuzz::must;
  LoadOptions options;
  options.read_files = false;
  options.open_files = 1'000'000;
  options.machine_name = "localhost";
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ConfigResult result = parse_config(text, "fuzz.toml", options);
  must(!result.config.listeners.empty(), "there is a listener");
  must(result.diagnostics.list().size() >= result.diagnostics.errors(), "errors are listed");
  for (const Diagnostic& diagnostic : result.diagnostics.list()) {
    must(!diagnostic.code.empty() && !diagnostic.message.empty(), "each says what and which kind");
  }
  const std::string shown = result.diagnostics.render();
  must(shown.find('\x1b') == std::string::npos, "nothing of the file steers a terminal");
  (void)result.diagnostics.json_lines();
  return 0;
}
