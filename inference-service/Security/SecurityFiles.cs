namespace Rudder.InferenceService.Security;

/// <summary>The certificate and the keys that the service runs with.</summary>
/// <param name="Identity">Certificate and client roots; null without TLS.</param>
/// <param name="Keys">API keys; null if calls need none.</param>
internal sealed record SecurityFiles(FileBacked<ServerIdentity>? Identity, FileBacked<ApiKeys>? Keys);
