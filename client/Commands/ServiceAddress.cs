using System.CommandLine.Parsing;

namespace Rudder.Client.Commands;

/// <summary>Reads a service address from the command line.</summary>
internal static class ServiceAddress
{
    /// <summary>An absolute http or https address, or a usage error.</summary>
    public static Uri? Parse(ArgumentResult argument)
    {
        string text = argument.Tokens.Count == 1 ? argument.Tokens[0].Value : "";
        if (Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https")
        {
            return address;
        }

        argument.AddError($"--service is '{text}'; it must be an http or https address, e.g. http://127.0.0.1:5080");
        return null;
    }
}
