using System.Text;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Tests.Telemetry;

public sealed class LossyWriterTests
{
    [Fact]
    public void Write_DiskFullForAWhile_LosesThoseLinesAndNoOthers()
    {
        using var disk = new Disk();
        using var writer = new LossyWriter(disk);

        writer.WriteLine("one");
        disk.Full = true;
        writer.WriteLine("two");
        writer.Write('x');
        writer.Flush();
        disk.Full = false;
        writer.Write("three".AsSpan());

        Assert.Equal("one" + writer.NewLine + "three", disk.Written.ToString());
    }

    private sealed class Disk : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public bool Full { get; set; }

        public StringBuilder Written { get; } = new();

        public override void Write(string? value) => Written.Append(Full ? throw new IOException("no space left") : value);

        public override void Flush()
        {
            if (Full)
            {
                throw new IOException("no space left");
            }
        }
    }
}
