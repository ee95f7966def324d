using Rudder.Client.Rpc;
using Rudder.Inference.V1;

namespace Rudder.Client.Tests.Rpc;

public sealed class InputChunksTests
{
    [Theory]
    [InlineData(1025, 1, 2)] // one more than a call takes
    [InlineData(1024, 1, 1)]
    [InlineData(100, 65_536, 2)] // 6.25 MiB of the longest texts
    public async Task AskAsync_ManyOrLongTexts_NoCallExceedsTheServicesDefaults(int count, int length, int calls)
    {
        List<ClassifyRequest> sent = [];
        ClassifyInput[] inputs =
        [
            .. Enumerable.Range(0, count).Select(i => new ClassifyInput { Text = new string((char)('a' + (i % 26)), length) }),
        ];

        IReadOnlyList<string> results = await InputChunks.AskAsync<ClassifyInput, string>("Scoring.Classify", inputs, input => input.CalculateSize(), chunk =>
        {
            sent.Add(new ClassifyRequest { Model = new string('m', 128), Inputs = { chunk } });
            return Task.FromResult<IReadOnlyList<string>>([.. chunk.Select(input => input.Text)]);
        });

        Assert.Equal(inputs.Select(input => input.Text), results);
        Assert.Equal(calls, sent.Count);
        Assert.All(sent, request => Assert.InRange(request.CalculateSize(), 0, 4 << 20));
        Assert.All(sent, request => Assert.InRange(request.Inputs.Count, 1, 1024));
    }
}
