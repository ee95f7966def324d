using System.CommandLine;
using System.CommandLine.Parsing;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary>The options for a service that asks for a key or certificates.</summary>
internal sealed class AccessOptions
{
    private readonly Option<string?> _key = OptionOf.Optional(
        "--api-key-file", "FILE", "File whose first line is the API key of the service");
    private readonly Option<string?> _roots = OptionOf.Optional(
        "--ca", "FILE", "PEM root that signs an https service, instead of the system's");
    private readonly Option<string?> _certificate = OptionOf.Optional(
        "--certificate", "FILE", "PEM certificate of this client (mutual TLS)");
    private readonly Option<string?> _certificateKey = OptionOf.Optional("--certificate-key", "FILE", "PEM key of that certificate");

    /// <summary>The options.</summary>
    public IEnumerable<Option> All => [_key, _roots, _certificate, _certificateKey];

    /// <summary>Reads the files that the command line names, for a service.</summary>
    public ServiceAccess Read(ParseResult parsed, Uri address) =>
        ServiceAccess.Read(
            address, parsed.GetValue(_key), parsed.GetValue(_roots), parsed.GetValue(_certificate), parsed.GetValue(_certificateKey));

    /// <summary>Whether one of them is given to a command.</summary>
    public bool AreGivenTo(CommandResult command) => All.Any(option => command.GetResult(option) is not null);
}
