using System.CommandLine;
using System.CommandLine.Parsing;
using Rudder.Client.Rpc;

namespace Rudder.Client.Commands;

/// <summary>The options that open a service which asks for a key or certificates.</summary>
internal sealed class AccessOptions
{
    private readonly Option<string?> key = OptionOf.Optional(
        "--api-key-file",
        "FILE",
        "File whose first line is the API key of the service"
    );
    private readonly Option<string?> roots = OptionOf.Optional(
        "--ca",
        "FILE",
        "PEM root that signs an https service, instead of the system's"
    );
    private readonly Option<string?> certificate = OptionOf.Optional(
        "--certificate",
        "FILE",
        "PEM certificate of this client (mutual TLS)"
    );
    private readonly Option<string?> certificateKey = OptionOf.Optional("--certificate-key", "FILE", "PEM key of that certificate");

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[key, roots, certificate, certificateKey])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What the command line gives, for a service.</summary>
    public ServiceAccess Read(ParseResult parsed, Uri address) =>
        ServiceAccess.Read(
            address,
            parsed.GetValue(key),
            parsed.GetValue(roots),
            parsed.GetValue(certificate),
            parsed.GetValue(certificateKey)
        );

    /// <summary>Whether one of them is given to a command.</summary>
    public bool AreGivenTo(CommandResult command) =>
        (command.GetResult(key) ?? command.GetResult(roots) ?? command.GetResult(certificate) ?? command.GetResult(certificateKey))
            is not null;
}
