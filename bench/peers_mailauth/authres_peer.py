"""authres reads and writes Authentication-Results fields."""
import talk

import authres


def parse(request):
    try:
        field = authres.AuthenticationResultsHeader.parse_value(request["header"].strip("\r\n"))
    except authres.AuthResError:
        return {"valid": False}
    results = []
    for one in field.results:
        if isinstance(one, authres.NoneAuthenticationResult):
            continue
        properties = [{"ptype": p.type.lower(), "property": p.name.lower(), "value": p.value} for p in one.properties]
        results.append({"method": str(one.method).lower(), "version": int(one.version or 1), "result": str(one.result).lower(),
                        "reason": one.reason, "properties": properties})
    return {"valid": True, "authserv_id": field.authserv_id, "version": int(field.version or 1), "results": results}


def write(request):
    results = []
    for one in request["results"]:
        properties = [authres.AuthenticationResultProperty(p["ptype"], p["property"], p["value"]) for p in one["properties"]]
        results.append(authres.AuthenticationResult(one["method"], result=one["result"], reason=one["reason"],
                                                    properties=properties))
    field = authres.AuthenticationResultsHeader(authserv_id=request["authserv_id"], results=results)
    return {"text": field.header_value()}


talk.serve({"ar-parse": parse, "ar-write": write})
