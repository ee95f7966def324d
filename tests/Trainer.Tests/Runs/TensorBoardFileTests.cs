using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Runs;

public class TensorBoardFileTests
{
    [Fact]
    public void Crc32C_StandardVector_GivesPublishedValue() =>
        Assert.Equal(0xE3069283u, Crc32C.Of(Encoding.ASCII.GetBytes("123456789"))); // the catalogue's check value

    [Fact]
    public void Crc32C_ThirtyTwoZeros_GivesValueOfTheRfc() => Assert.Equal(0x8A9136AAu, Crc32C.Of(new byte[32])); // RFC 3720 B.4

    [Fact]
    public void Add_TwoSteps_WritesRecordsWithValidChecksums()
    {
        using var folder = new TemporaryFolder();
        using (var file = new TensorBoardFile(folder.Path, TimeProvider.System))
        {
            file.Add(7, [new("train/loss", 1.5), new("train/grad_norm", 0.25)]);
            file.Add(8, [new("train/loss", 1.25)]);
        }

        List<byte[]> records = Records(File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder.Path, "events.out.tfevents.*"))));
        Assert.Equal(3, records.Count);
        Assert.Contains("brain.Event:2", Encoding.UTF8.GetString(records[0]), StringComparison.Ordinal);
        (long step, List<(string Tag, float Value)> values) = Read(records[1]);
        Assert.Equal(7, step);
        Assert.Equal([("train/loss", 1.5f), ("train/grad_norm", 0.25f)], values);
        Assert.Equal(8, Read(records[2]).Step);
    }

    private static List<byte[]> Records(byte[] file)
    {
        var records = new List<byte[]>();
        for (int at = 0; at < file.Length;)
        {
            int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(at));
            Assert.Equal(Crc32C.Masked(file.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 8)));
            byte[] record = file[(at + 12)..(at + 12 + length)];
            Assert.Equal(Crc32C.Masked(record), BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 12 + length)));
            records.Add(record);
            at += 16 + length;
        }

        return records;
    }

    private static (long Step, List<(string Tag, float Value)> Values) Read(byte[] record)
    {
        var input = new CodedInputStream(record);
        long step = -1;
        List<(string, float)> values = [];
        while (input.ReadTag() is uint tag and not 0)
        {
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: input.ReadDouble(); break;
                case 2: step = input.ReadInt64(); break;
                case 5: Summary(input.ReadBytes(), values); break;
                default: Assert.Fail($"unexpected field {tag >> 3}"); break;
            }
        }

        return (step, values);
    }

    private static void Summary(ByteString bytes, List<(string Tag, float Value)> values)
    {
        CodedInputStream summary = bytes.CreateCodedInput();
        while (summary.ReadTag() != 0)
        {
            CodedInputStream value = summary.ReadBytes().CreateCodedInput();
            value.ReadTag();
            string name = value.ReadString();
            value.ReadTag();
            values.Add((name, value.ReadFloat()));
        }
    }
}
