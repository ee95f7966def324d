using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;

namespace Rudder.InferenceService.Tests.Security;

public sealed class ServerIdentityTests : IDisposable
{
    private readonly TestCertificates _files = new("root");

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Open_CertificateAndKey_GivesThem()
    {
        var identity = Open(_files.CertificateFile, _files.KeyFile).Current;

        Assert.Equal("CN=server", identity.Certificate.Subject);
        Assert.True(identity.Certificate.HasPrivateKey);
        Assert.False(identity.Handshake().ClientCertificateRequired);
    }

    [Fact]
    public void Open_ClientRoots_AsksForAClientCertificate()
    {
        var handshake = Open(_files.CertificateFile, _files.KeyFile, _files.RootFile).Current.Handshake();

        Assert.True(handshake.ClientCertificateRequired);
        Assert.Equal(_files.Root.Thumbprint, Assert.Single(handshake.CertificateChainPolicy!.CustomTrustStore).Thumbprint);
    }

    [Fact]
    public void Open_Expired_IsRefused()
    {
        var (certificate, key) = _files.Expired();

        Assert.Contains("is valid from", Assert.Throws<SecurityFileException>(() => Open(certificate, key)).Message);
    }

    [Fact]
    public void Open_KeyOfAnother_IsRefused()
    {
        using var other = new TestCertificates("other");

        Assert.Contains("cannot be used together", Assert.Throws<SecurityFileException>(() => Open(_files.CertificateFile, other.KeyFile)).Message);
    }

    [Fact]
    public void Open_NoPem_IsRefusedWithoutItsContent()
    {
        string file = _files.Write("broken.pem", "secret words");

        var fault = Assert.Throws<SecurityFileException>(() => Open(file, _files.KeyFile));

        Assert.Contains("broken.pem", fault.Message);
        Assert.DoesNotContain("secret words", fault.Message);
        Assert.Contains("holds no certificate", Assert.Throws<SecurityFileException>(() => Open(_files.CertificateFile, _files.KeyFile, file)).Message);
    }

    [Fact]
    public void Open_NoFile_IsNamed() =>
        Assert.Contains("nowhere.pem cannot be read", Assert.Throws<SecurityFileException>(() => Open("/nowhere.pem", _files.KeyFile)).Message);

    private static FileBacked<ServerIdentity> Open(string certificate, string key, string roots = "") =>
        ServerIdentity.Open(new TlsOptions { CertificateFile = certificate, KeyFile = key, ClientCaFile = roots }, TimeProvider.System.GetUtcNow());
}
