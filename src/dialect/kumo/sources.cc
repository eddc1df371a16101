#include "dialect/kumo/sources.h"

#include "script/blocking.h"
#include "script/state.h"

namespace postern::dialect::kumo {

namespace {

/// The data of a job on a thread that may block; it may outlive the call.
struct SourceReading {
  script::Files files;
  json::array sources;
  std::string place;
  std::vector<DataFile> read;
  std::optional<Error> error;
  bool inside = false;  ///< the error is in a file and already names its place
};

void read_all(SourceReading& work) {
  for (const json::value& source : work.sources) {
    if (!source.is_string()) {
      work.read.push_back({.name = work.place, .value = source, .lines = {}});
      continue;
    }
    const std::string name(source.get_string());
    const Result<std::string> text = work.files.read(name);
    if (!text) {
      work.error = text.error();
      return;
    }
    auto file = parse_data(name, *text);
    if (!file) {
      work.error = std::move(file.error());
      work.inside = true;
      return;
    }
    work.read.push_back(std::move(*file));
  }
}

}  // namespace

Task<std::vector<DataFile>> read_sources(script::Call& call, json::value sources,
                                         std::string place) {
  script::demand(call.context<void>() == nullptr,
                 "a helper is set up while the policy loads, not inside an event handler");
  const bool nothing = sources.is_object() && sources.get_object().empty();
  script::demand(sources.is_array() || nothing,
                 "a list of file names is expected, as in setup { 'queue.toml' }");
  auto work = std::make_shared<SourceReading>();
  work->files = call.state().files();
  work->place = std::move(place);
  if (!nothing) work->sources = std::move(sources.get_array());
  for (const json::value& source : work->sources) {
    script::demand(source.is_string() || source.is_structured(),
                   "each element of the list must be a file name or a table");
  }
  if (work->files.given) {
    read_all(*work);  // they are in the record: no disk is read
  } else {
    const Result<void> ran = co_await script::blocking(call, [work] { read_all(*work); });
    script::demand(ran.has_value(), ran ? std::string() : ran.error().message);
  }
  if (work->error && work->inside) throw script::PlacedError(work->error->message);
  script::demand(!work->error, work->error ? work->error->message : std::string());
  co_return std::move(work->read);
}

}  // namespace postern::dialect::kumo
