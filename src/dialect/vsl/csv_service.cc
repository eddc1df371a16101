// `service N db:csv`: a table that scripts query and change.
#include "base/text.h"
#include "dialect/vsl/csv_table.h"
#include "dialect/vsl/service_options.h"
#include "script/blocking.h"
#include "script/state.h"
#include "script/world.h"

namespace postern::dialect::vsl {

using script::demand;

namespace {

constexpr std::size_t most_fields = 1'000;

class CsvService final : public Service {
 public:
  struct Options {
    std::string path;
    char delimiter = ',';
    std::string access;
    CsvTable::Refresh refresh = CsvTable::Refresh::always;
  };
  CsvService(std::string name, Options options)
      : Service(std::move(name)),
        options_(std::move(options)),
        table_(CsvTable::of(options_.path, options_.delimiter)) {}
  std::string_view kind() const override { return "db:csv"; }

  /// Reads the file, so that its errors are found while the policy loads.
  void load() const { table_->get("", options_.refresh); }

 private:
  Task<Value> run(script::Call& call, const ServiceMethod& method,
                  std::vector<Value> arguments) override {
    const bool get = method.does == ServiceMethod::Does::read;
    const bool set = method.name == "set" || method.name == "db_add";
    const std::string refused = refused_access(options_.access, method.does);
    demand(refused.empty(), refused);
    if (!get && call.leaves_undone("change service `" + printable(name(), 60) + "`"))
      co_return Value();
    const auto result = std::make_shared<CsvFields>();
    std::function<void()> job;
    if (set) {
      job = [table = table_, fields = fields_of(arguments.front())] { table->set(fields); };
    } else if (get) {
      job = [table = table_, result, key = argument_text(arguments.front(), "the key"),
             refresh = options_.refresh] { *result = table->get(key, refresh); };
    } else {
      job = [table = table_, key = argument_text(arguments.front(), "the key")] {
        table->remove(key);
      };
    }
    const Result<void> done = co_await script::blocking(call, std::move(job));
    demand(done.has_value(), done ? "" : done.error().message);
    if (!get) co_return Value();
    Value::Array row;
    for (std::string& field : *result) row.push_back(Value(std::move(field)));
    co_return Value(std::move(row));
  }

  static CsvFields fields_of(const Value& value) {
    const auto* array = std::get_if<Value::Array>(&value.is);
    demand(array != nullptr && !array->empty() && array->size() <= most_fields,
           "a row is an array of 1 to 1000 fields");
    CsvFields fields;
    for (const Value& one : *array) fields.push_back(argument_text(one, "a field"));
    return fields;
  }

  const Options options_;
  const std::shared_ptr<CsvTable> table_;
};

}  // namespace

ServicePtr make_csv_service(script::Call& call, const std::string& name, ServiceOptions options) {
  const std::string access = options.one_of("access", {"O_RDWR", "O_RDONLY", "O_WRONLY"});
  const std::string refresh = options.one_of("refresh", {"always", "no"});
  const std::string delimiter = options.optional_text("delimiter").value_or(",");
  if (delimiter.size() != 1 || delimiter.find_first_of(std::string_view("\"\r\n\0", 4)) == 0) {
    options.wrong("delimiter", "must be one ASCII character, and neither a quote nor a line end");
  }
  CsvService::Options read{
      .path = policy_file(call, options.text("connector"), "service `" + printable(name, 60) + "`"),
      .delimiter = delimiter.front(),
      .access = access,
      .refresh = refresh == "no" ? CsvTable::Refresh::once : CsvTable::Refresh::always};
  options.done();
  auto service = std::make_shared<CsvService>(name, std::move(read));
  if (!call.state().files().given) service->load();
  return service;
}

}  // namespace postern::dialect::vsl
